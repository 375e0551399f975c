"""Networks: tables as data, modules built from them, initialization, weights, checkpoints, summaries."""
