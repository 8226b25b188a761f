"""Mien gives a virtual character a real person's face."""
