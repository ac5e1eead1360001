"""The ledger: what the journal's postings add up to."""
