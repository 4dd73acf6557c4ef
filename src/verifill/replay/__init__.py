"""Replay of a log: run it again, look at any moment of it, try other code on it."""
