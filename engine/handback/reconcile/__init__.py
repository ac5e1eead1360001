"""Reconciliation: records of a hand-back file meet the attempts they answer, set by set."""
