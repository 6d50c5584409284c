"""Segments: what their definitions mean, evaluated in SQL and, to check that, in Polars."""
