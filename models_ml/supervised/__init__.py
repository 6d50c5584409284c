"""Models that give a subject the probability of an outcome: trained, judged, explained, watched.

Frames in, frames out (Polars). No warehouse, no lake, no Dagster: whoever calls reads and stores.
What is kept of a trained model, and which one speaks, is `models_ml.registry`'s.
"""
