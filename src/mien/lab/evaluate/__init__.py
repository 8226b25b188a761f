"""Measurements of what the laboratory makes: do renders and labels agree, how good are models."""
