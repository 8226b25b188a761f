"""Micro-expression recognition as the papers do it: clips of fixed length, flow pictures, descriptors, protocols."""
