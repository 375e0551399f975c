"""The command line: a thin layer that parses, calls the public API and shows the result. One file per command."""
