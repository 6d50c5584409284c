"""Small audiences: people in tables, a ledger, and a destination with its stand-in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.audiences import registry, sync
from reverse_etl.audiences.model import Destination
from reverse_etl.audiences.normalise import KNOWN, Normaliser
from reverse_etl.audiences.registry import CAPABILITIES, CONTACTS, Desk
from reverse_etl.audiences.sync import Report, Request
from sandbox.servers import audiences as stand_ins
from sandbox.servers.audiences import Room
from sandbox.servers.base import serving
from workspace.definitions.audiences import Breaker
from workspace.ledger import Ledger
from workspace.ledger.audiences import Place

AT = datetime(2026, 9, 1, 6)
HTTP = ("hubspot", "google_data_manager", "meta", "linkedin", "webhook", CONTACTS)
ALL = (*HTTP, "file")
LIST = "71"
NEVER = Breaker(share=1, from_members=1_000_000)
_MEMBERS = pa.schema([(n, pa.string()) for n in ("contact_id", "email", "phone", "attributes")])


def member(n: int, email: str | None = "", phone: str | None = None, **more: Any) -> dict[str, Any]:
    own = f"person{n}@example.com" if email == "" else email
    attributes = json.dumps(more) if more else None
    return {"contact_id": f"c{n:04d}", "email": own, "phone": phone, "attributes": attributes}


@contextmanager
def people(
    members: Sequence[Mapping[str, Any]], allowed: Sequence[str] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A desk with the tables ``members`` and ``allowed``; everybody is where none are named."""
    with duckdb.connect() as connection:
        given = pa.Table.from_pylist([dict(one) for one in members], schema=_MEMBERS)
        ids = [one["contact_id"] for one in members] if allowed is None else list(allowed)
        may = pa.table({"contact_id": pa.array(ids, pa.string())})
        for name, table in (("members", given), ("allowed", may)):
            connection.register("given", table)
            connection.execute(f"create table {name} as from given")
            connection.unregister("given")
        yield connection


@dataclass
class Place_:
    """A destination under test; ``waits`` are the seconds that were slept."""

    name: str
    destination: Destination
    room: Room
    folder: Path
    desk: Desk
    waits: list[float] = field(default_factory=list)

    @property
    def where(self) -> str:
        return CAPABILITIES["hubspot" if self.name == CONTACTS else self.name].name

    @property
    def place(self) -> Place:
        return Place(self.where, CONTACTS if self.name == CONTACTS else "spring")

    @property
    def normaliser(self) -> Normaliser:
        return KNOWN[CAPABILITIES[self.where].normaliser]

    @property
    def identifiers(self) -> list[str]:
        both = self.name in ("google_data_manager", "meta", "webhook", "file")
        return ["email", "phone"] if both else ["email"]

    def there(self) -> set[str]:
        """What the destination holds now."""
        if self.name == "file":
            return _folded(self.folder)
        keys = {"webhook": "spring", CONTACTS: "contacts"}
        return set(self.room.lists[keys.get(self.name, LIST)])

    def sent(self, connection: duckdb.DuckDBPyConnection, email: str) -> str:
        """An address as this destination is given it."""
        found = connection.execute(
            f"select {self.normaliser.sql('email', 'e')} from (select ? as e)", [email]
        ).fetchone()
        assert found is not None
        return str(found[0])

    def request(self, **more: Any) -> Request:
        given = {"breaker": NEVER, "list_id": LIST, **more}
        normaliser = given.pop("normaliser", self.normaliser)
        return Request(self.place, "members", "allowed", normaliser, self.identifiers, **given)

    def sync(
        self,
        ledger: Ledger,
        members: Sequence[Mapping[str, Any]],
        allowed: Sequence[str] | None = None,
        at: datetime = AT,
        **more: Any,
    ) -> Report:
        if self.name == "hubspot":  # a list holds contacts that the CRM has
            account = self.room.more["account"]
            for one in members:
                if one["email"] and account.by_email(one["email"]) is None:
                    account.contact(self.room, one["email"])
        with people(members, allowed) as connection:
            return sync.sync(connection, ledger, self.request(**more), self.destination, at)


@contextmanager
def open_place(
    name: str, folder: Path, values: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Place_]:
    """The destination ``name``, asked without waiting."""
    waits: list[float] = []
    given = {"sleep": waits.append, "seconds": 2.0, **options}
    if name == "file":
        desk = Desk({"MARKETING_FILE_URL": str(folder), **(values or {})}, True, given, lambda: AT)
        opened = desk.open("spring", "file")
        yield Place_(name, opened, Room(), folder, desk, waits)
        return
    where = "hubspot" if name == CONTACTS else name
    module, room = stand_ins.load(where), Room()
    with serving(module.app(room)) as url:
        environment = {**module.environment(url), **(values or {})}
        desk = Desk(environment, True, given)
        properties = ["lead_band", "lead_score"]
        opened = desk.open(CONTACTS if name == CONTACTS else "spring", where, properties)
        if name == CONTACTS:
            _with_properties(room, properties)
        yield Place_(name, opened, room, folder, desk, waits)


def _with_properties(room: Room, names: Sequence[str]) -> None:
    known = room.more["account"].properties["contacts"]
    known.update({f"mw_{name}": {"name": f"mw_{name}"} for name in names})


def _folded(folder: Path) -> set[str]:
    held: set[str] = set()
    for path in sorted(folder.glob("*.csv"), key=lambda path: path.stat().st_mtime_ns):
        with open(path, newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                values = {row["email"], row["phone"]} - {""}
                held = held | values if row["operation"] == "add" else held - values
    return held


__all__ = ["ALL", "AT", "CONTACTS", "HTTP", "Place_", "member", "open_place", "people", "registry"]
