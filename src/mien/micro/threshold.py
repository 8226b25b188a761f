"""From how sure a finding counts. Without imports, so that the command line can name it at once."""

THRESHOLD = 0.45
"""Of those on validation clips the highest with the best F1 (recipes/micro-spotter.md)."""
