"""What stand-ins for audiences share: who is in which list, and what goes wrong.

A stand-in's module has ``environment(url)`` (the variables that point a destination at it) and
``app(room)``. Members are kept as the vendor would match them: a set of hashes for each list.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from sandbox.servers.messaging import Desk, Said, Trouble

#: Every stand-in, by its destination; the file has a folder or a real SFTP server.
MODULES = {
    "hubspot": "hubspot_writes",
    "google_data_manager": "data_manager",
    "meta": "meta_audiences",
    "linkedin": "linkedin_audiences",
    "webhook": "audience_webhook",
}


@dataclass
class Room(Desk):
    """``lists`` holds who is in each list now, ``writes`` each change (operation, list, value) in
    the order in which it was taken; whoever has a value of ``unfit`` is refused as a row."""

    lists: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)
    more: dict[str, Any] = field(default_factory=dict)

    def put(self, operation: str, list_id: str, value: str) -> None:
        self.writes.append((operation, list_id, value))
        if operation == "add":
            self.lists[list_id].add(value)
        else:
            self.lists[list_id].discard(value)


def said(throttled: Said, denied: Said, permanent: Said) -> dict[Trouble, Said]:
    """A vendor's own words for what takes nothing."""
    return {
        Trouble.THROTTLED: throttled,
        Trouble.DENIED: denied,
        Trouble.PERMANENT: permanent,
        Trouble.NO_ID: Said(200, b"{}"),
    }


def load(destination: str) -> ModuleType:
    """The module of a stand-in. Raises ``KeyError`` for a destination without one."""
    return import_module(f"sandbox.servers.{MODULES[destination]}")
