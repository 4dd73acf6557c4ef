"""Drawings of a machine: a picture made from the compiled table, and a file for each format."""
