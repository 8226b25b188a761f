"""Sending live: a place for the newest frame before every receiver that could wait, so that none delays another."""
