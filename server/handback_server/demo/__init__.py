"""The demo: a server, three invented partners, and an outcome that was known before it began."""
