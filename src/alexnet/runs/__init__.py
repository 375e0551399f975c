"""A finished or running training as one value, and what can be asked of one or of several."""
