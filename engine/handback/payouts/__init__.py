"""Payouts: due redemptions gathered into sealed files, delivered, and only then dispatched."""
