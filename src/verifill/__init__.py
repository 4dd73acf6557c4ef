"""Every instruction of a strategy, verified against what its venue really did."""
