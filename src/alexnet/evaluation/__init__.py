"""A model meets pictures of known class: what it gets right, and which it gets wrong."""
