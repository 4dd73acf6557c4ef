"""Watching an engine from another process, by nothing but its log.

`following` reads a durable log by its numbers, `metrics` counts what it says and `serving`
serves the counts; `spans` puts it into traces, `otel` and `sinks` send them. Nothing here is
known to an engine: it opens the log read-only, and may be killed at any moment.
"""
