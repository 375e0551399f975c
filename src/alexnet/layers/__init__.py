"""Layers of a network, and the faster paths that training takes on CPU and GPU, each behind one switch."""
