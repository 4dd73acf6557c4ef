"""The command line: `verifill`."""

from verifill.cli.app import main

__all__ = ["main"]
