"""Convolution, from its definition as loops to a fast result for a photograph, with steps and named kernels."""
