"""A log in the formats that others read: traces, process mining, order records."""
