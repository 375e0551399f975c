"""Convolution from its definition to a photograph: loops, steps, the gallery of kernels, and speed."""
