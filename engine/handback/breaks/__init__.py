"""Breaks: work items that reconciliation cannot close by itself."""
