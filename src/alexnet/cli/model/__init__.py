"""`alexnet model ...`: networks printed, compared and checked."""
