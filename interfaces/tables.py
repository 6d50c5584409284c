"""Tables and numbers as the command line prints them."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def table(*headings: str) -> Table:
    found = Table(box=None, pad_edge=False)
    for heading in headings:
        found.add_column(heading, overflow="fold")
    return found


def number(value: Any) -> str:
    return "" if value is None else f"{value:,}"
