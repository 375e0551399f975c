"""A model meets images of known class: what it gets right, and which it gets wrong."""
