"""The journal: the one door through which redemptions change, and the one thing that is read."""
