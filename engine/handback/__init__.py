"""Handback: drives redemptions from submission to their proven outcome."""

__version__ = "0.1.0"
