"""Verifill beside its peers: the same orders on one file, each in its own environment."""
