"""What is published about the consent of whoever has an identifier."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reverse_etl.publish.publisher import NothingPublished, published_as_of
from reverse_etl.publish.reader import dicts, is_published, reader
from workspace.paths import Paths

_SECONDS = 5.0


def states_of(paths: Paths, key: str) -> tuple[datetime, list[dict[str, Any]]] | None:
    """The run's ``as_of`` (naive UTC) and rows of ``consent_states``; None where nothing is
    published. ``key`` is an identifier's keyed hash."""
    try:
        as_of = published_as_of(paths)
        with reader(paths, seconds=_SECONDS) as connection:
            if not is_published(connection, "consent_states"):
                return None
            rows = dicts(
                connection,
                """
                select purpose, channel, state, provider_state, crm_state
                from marts.consent_states
                where subject_id in (
                    select subject_id from marts.consent_records where identifier_key = $1
                    union
                    select contact_id from marts.identity_map where identifier_key = $1
                    union
                    select $1
                )
                """,
                [key],
            )
    except NothingPublished:
        return None
    return as_of, rows
