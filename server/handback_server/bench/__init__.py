"""Benchmarks: Handback beside a floor tuned by hand, on databases made for one run."""
