"""The page of a run: one file that shows it all, opened without a network and archived as it is."""
