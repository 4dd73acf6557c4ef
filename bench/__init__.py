"""The benchmarks: measured work, run by `make bench`, never timed by a test."""
