"""Features, models and scores."""
