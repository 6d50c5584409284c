"""Every source there is, by name. A module is imported when its source is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from ingestion.sources.model import Source

#: Name of the source, and the module whose ``SOURCE`` it is.
MODULES = {
    "hubspot": "ingestion.hubspot.source",
    "google_ads": "ingestion.ads.google_ads",
    "meta_ads": "ingestion.ads.meta_ads",
    "linkedin_ads": "ingestion.ads.linkedin_ads",
    "ga4": "ingestion.saas.ga4",
    "mixpanel": "ingestion.saas.mixpanel",
    "brevo": "ingestion.saas.brevo",
    "wordpress": "ingestion.saas.wordpress",
    "linkedin_pages": "ingestion.saas.linkedin_pages",
    "livestorm": "ingestion.saas.livestorm",
    "unbounce": "ingestion.saas.unbounce",
    "intercom": "ingestion.saas.intercom",
    "calendly": "ingestion.saas.calendly",
    "typeform": "ingestion.saas.typeform",
    "boamp": "ingestion.saas.boamp",
}

#: Not asked: what is read from other people's files lands as pages of these.
IMPORTED = {"fivetran": "ingestion.fivetran.source"}


@cache
def load(name: str) -> Source:
    """Raises KeyError for an unknown name."""
    return cast(Source, import_module((MODULES | IMPORTED)[name]).SOURCE)


def load_all() -> list[Source]:
    return [load(name) for name in MODULES]
