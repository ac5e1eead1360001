"""How bytes come and go: landing, transports and envelopes. Knows nothing of what they say."""
