"""Features, models and scores. Empty until the first model is built."""
