"""The life of a redemption: one table of transitions, read row by row, as a set, and by people."""
