"""Generators of training data made from rigs."""
