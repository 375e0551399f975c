"""Networks: described as data, built from it, started, loaded, saved and summed up."""
