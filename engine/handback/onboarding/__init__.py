"""For whoever takes on a partner: a file tried under an agreement, a layout drafted from files."""
