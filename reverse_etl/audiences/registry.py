"""The destinations there are, and how one is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from reverse_etl.audiences import file, google_data_manager, hubspot, linkedin, meta, webhook
from reverse_etl.audiences.model import Capabilities, Destination
from reverse_etl.audiences.normalise import HASHED, KNOWN, PLAIN, Normaliser
from reverse_etl.audiences.transport import Api
from workspace import clock
from workspace.definitions.audiences import Audience, Audiences
from workspace.definitions.reading import read
from workspace.http_guard import Guard
from workspace.limiter import Limiter

MODULES = (hubspot, google_data_manager, meta, linkedin, webhook, file)
CAPABILITIES: dict[str, Capabilities] = {one.CAPABILITIES.name: one.CAPABILITIES for one in MODULES}
#: The key under which the ledger keeps what contacts of the CRM were told.
CONTACTS = "crm_contacts"


@dataclass
class Desk:
    """What a destination is opened with: the environment's ``values``, and who may be asked.

    ``here`` lets addresses of this machine be asked, for stand-ins.
    """

    values: Mapping[str, str]
    here: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    present: Callable[[], datetime] = clock.now

    def missing(self, name: str) -> list[str]:
        """The variables that a destination needs and that are not set."""
        return [one for one in CAPABILITIES[name].variables if not self.values.get(one)]

    def api(self, name: str) -> Api:
        known = CAPABILITIES[name]
        limiter = Limiter.unlimited() if self.here else Limiter(known.per_second)
        url = self.values.get(known.url_variable) or known.url
        # A webhook of one's own may listen on another port than 443.
        ports = None if name == webhook.CAPABILITIES.name else frozenset({443})
        guard = Guard(ports=ports, here=self.here)
        return Api(url, guard, limiter, **{"present": self.present, **self.options})

    def open(self, audience: str, name: str, properties: list[str] | None = None) -> Destination:
        """The destination ``name`` for an audience; ``properties`` for what contacts are told.

        Raises :class:`~reverse_etl.audiences.model.Paused` where its variables do not do.
        """
        values = dict(self.values)
        if name == file.CAPABILITIES.name:
            return file.File(values, audience, self.present)
        api = self.api(name)
        if audience == CONTACTS:
            return hubspot.HubSpotContacts(api, values, properties or [])
        if name == webhook.CAPABILITIES.name:
            return webhook.Webhook(api, values, audience)
        found: dict[str, Callable[[Api, dict[str, str]], Destination]] = {
            "hubspot": hubspot.HubSpotList,
            "google_data_manager": google_data_manager.GoogleDataManager,
            "meta": meta.Meta,
            "linkedin": linkedin.LinkedIn,
        }
        return found[name](api, values)


def normaliser_of(audience: Audience) -> Normaliser:
    """How the audience's identifiers are made; a file or webhook may take them in clear."""
    known = CAPABILITIES[audience.destination]
    if known.normaliser == HASHED.version and not audience.hashed:
        return PLAIN
    return KNOWN[known.normaliser]


def variables() -> list[str]:
    """Every environment variable that a destination looks at."""
    return sorted({name for one in CAPABILITIES.values() for name in one.variable_names})


def check(folder: Path) -> None:
    """Raises :class:`~workspace.definitions.DefinitionError` where `audiences.yml` of a folder asks
    a destination for what it cannot do."""
    path = folder / "audiences.yml"
    if path.exists():
        read(path, Audiences, faults)


def faults(audiences: Audiences) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where in the file, and what."""
    for key, audience in audiences.audiences.items():
        known, place = CAPABILITIES[audience.destination], ("audiences", key)
        for position, kind in enumerate(audience.identifiers):
            if kind not in known.identifiers:
                yield (*place, "identifiers", position), f"{known.title} takes no {kind}"
        if known.needs_list and audience.list_id is None:
            yield (*place, "destination"), f"{known.title} needs list_id, the audience's id there"
        if not audience.hashed and normaliser_of(audience) is not PLAIN:
            yield (*place, "hashed"), f"{known.title} says itself what is hashed"


def feature_rows() -> Iterator[tuple[str, ...]]:
    """The lines of the table of features, the heading first."""
    yield (
        "Destination", "Identifiers", "Members a request", "Operations", "Used from",
        "Answers", "Requests a second", "Rules", "Notes",
    )  # fmt: skip
    for one in CAPABILITIES.values():
        yield (
            one.title,
            ", ".join(one.identifiers),
            f"{one.batch_size:,}",
            ", ".join(one.operations),
            f"{one.minimum_members:,} members" if one.minimum_members else "1 member",
            "later" if one.asynchronous else "at once",
            f"{one.per_second:g}",
            one.normaliser,
            one.note,
        )


def feature_table() -> str:
    """:func:`feature_rows` as Markdown."""
    heading, *rows = feature_rows()
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
