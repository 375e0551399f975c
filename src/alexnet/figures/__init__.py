"""Figures: arrays in, a matplotlib figure out. The only room that imports matplotlib; it knows no model."""
