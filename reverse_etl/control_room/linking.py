"""Addresses of pages, for those who are told about something that a page shows."""

from __future__ import annotations

from reverse_etl.control_room.building import file_of
from reverse_etl.control_room.serving import PATH
from workspace.paths import Paths


def link(page: str, figure: str | None, paths: Paths, public_url: str) -> str:
    """Where a page is served, or where nobody said so (``public_url`` is empty) its file here."""
    file = file_of(page)
    base = f"{public_url}{PATH}/{file}" if public_url else (paths.control_room / file).as_uri()
    return f"{base}#{figure}" if figure else base
