"""Sending live: one thread and one place for the newest frame per receiver, so that none can delay another."""
