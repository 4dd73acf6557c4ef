"""Replay: a run again from its log alone, record by record, and its state at any of them."""
