"""Servers that pip installed, for a laptop, and clients that only look."""
