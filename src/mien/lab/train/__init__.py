"""Training programs: one module per shipped model, each with a recipe in `recipes/`."""
