"""A module a subject."""
