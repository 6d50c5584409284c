"""Sending what the outbox holds: providers, the sender, and what comes back."""
