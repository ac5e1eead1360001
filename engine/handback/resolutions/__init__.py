"""Resolving breaks where that moves redemptions, by two persons where value is at stake."""
