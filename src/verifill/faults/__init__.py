"""The fault kit: everything that can go wrong, tried on the real engine, judged and counted."""
