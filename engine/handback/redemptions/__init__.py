"""Redemptions: submitting them, steering them by command, reading them."""
