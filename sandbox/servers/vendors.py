"""Every stand-in, by the name of its source."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

NAMES = (
    *("hubspot", "google_ads", "meta_ads", "linkedin_ads", "ga4", "mixpanel", "brevo", "wordpress"),
    *("linkedin_pages", "livestorm", "unbounce", "intercom", "calendly", "typeform", "boamp"),
)


def load(name: str) -> ModuleType:
    return import_module(f"sandbox.servers.{name}")
