"""The log: every transition of a run and what it rested on, complete and readable.

A log is a folder. `header.json` says what ran; `manifest.jsonl` has a line for each
chunk, chained by SHA-256; the chunks are Parquet, one file for each stream of records.
Memory is constant: a chunk is written and forgotten. A run that ends early leaves
everything up to there.
"""
