"""Segments: definitions to SQL, their evaluation, their history and the questions about them."""
