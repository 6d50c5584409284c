"""Experiments: whether a difference between variants is more than chance, and what it brings.

Numbers of people come in, findings go out; who is in which variant is decided elsewhere.
"""
