"""What a pause of a campaign or journey is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from reverse_etl.campaigns import versions
from reverse_etl.journeys import versions as journey_versions
from workspace.lake import Lake


def of_campaign(lake: Lake, key: str, at: datetime, file: Callable[[], Any]) -> tuple[str, str]:
    """Scope and key: a triggered campaign is held back by the messages of its journey.

    What ran can be held back, whatever is wrong with the files, or even if there is none; ``file``
    is asked for the campaign that never ran.
    """
    ran = versions.all_of(lake, key, at)
    journey = (ran[0] if ran else file()).journey
    return ("campaign", key) if journey is None else ("journey", journey)


def of_journey(lake: Lake, key: str, at: datetime, file: Callable[[], Any]) -> tuple[str, str]:
    """Scope and key; ``file`` is asked for the journey that never ran."""
    if key not in {row["journey"] for row in journey_versions.history(lake, at)}:
        file()
    return "journey", key
