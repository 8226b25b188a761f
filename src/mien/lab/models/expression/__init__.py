"""Networks that read expressions: every one of the source papers, built from the shared blocks."""
