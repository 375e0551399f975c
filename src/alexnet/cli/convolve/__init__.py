"""`alexnet convolve ...`: kernels applied to images, traced and compared."""
