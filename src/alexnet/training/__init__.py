"""Learning: the loop, and what it needs around it."""
