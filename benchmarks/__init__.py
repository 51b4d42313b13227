"""Measurements, and imports of real data: one file for each question."""
