"""The laboratory: training and evaluation. torch lives here and nowhere else; nothing outside imports this package."""
