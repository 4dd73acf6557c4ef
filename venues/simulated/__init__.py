"""Simulated venues: an exchange, a chain and the network between them.

Each works actual amounts out from its own market model and keeps its own accounts; none
of them ever sees an expectation.
"""
