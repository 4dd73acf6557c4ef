"""The benchmarks: measured work, run by `make bench`, never by the tests."""
