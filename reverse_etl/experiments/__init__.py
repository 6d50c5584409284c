"""Experiments: who gets which variant of a message, drawn once and remembered."""
