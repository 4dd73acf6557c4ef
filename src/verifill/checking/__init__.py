"""Exploring: the real engine in every way that its surroundings let it go, within a scope."""
