"""Practice images drawn by the program itself: no downloads, known truth."""
