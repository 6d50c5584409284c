"""HubSpot's declaration."""

from __future__ import annotations

from datetime import timedelta

from ingestion.hubspot import catalogue, objects
from ingestion.hubspot.client import TOKEN
from ingestion.sources.model import Source, Variable

SOURCE = Source(
    name="hubspot",
    title="HubSpot",
    module=__name__,
    url="https://api.hubapi.com",
    variables=(
        Variable(TOKEN, "access token of a private app"),
        Variable(
            objects.CENSUS_VARIABLE,
            "`accept` once, when many known objects are gone from HubSpot and that is right",
            required=False,
        ),
    ),
    # A private app is allowed 190 requests in 10 seconds, with others beside us.
    per_second=15,
    burst=15,
    every=timedelta(0),
    resources=(*catalogue.resources(), *objects.resources()),
)
