"""Partner file formats, declared and not programmed: bytes to canonical columns and back.

A layout (`layout`) says how a partner's records look; `decode` reads a file under it into frames of
details and findings, `encode` writes one. Everything here is pure: no store, no clock.
"""
