"""Segments at ad platforms, in the CRM, behind a webhook and in files; and what the CRM is told."""
