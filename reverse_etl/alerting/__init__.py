"""Alerts on their way out: to a webhook and by mail. What is told, and when, is decided above."""
