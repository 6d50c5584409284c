"""A contact's values for a preview: whoever looks is on record before anything is shown."""

from __future__ import annotations

import re

from reverse_etl.content.people import Person, published_person
from reverse_etl.identity.questions import explain
from workspace import decisions
from workspace.decisions import Said
from workspace.identifiers import KEY_LENGTH
from workspace.settings import Settings

_ID = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")


class NoSuchContact(LookupError):
    """Nobody is published by that. The message does not repeat an address."""


def look(settings: Settings, subject: str, template: str, who: Said) -> Person:
    """The contact of an id or of any identifier, such as an address.

    Raises :class:`NoSuchContact` and :class:`~reverse_etl.publish.NothingPublished`.
    """
    text = subject.strip()
    person = published_person(settings.paths, text) if _ID.fullmatch(text) else None
    if person is None:
        found = explain(settings.paths, settings.keyring, text)
        if found is not None and found.contact_id is not None:
            person = published_person(settings.paths, found.contact_id)
    if person is None:
        shown = f"contact {text!r}" if _ID.fullmatch(text) else "contact with that identifier"
        raise NoSuchContact(f"no {shown} is published")
    decisions.read(settings, who, person.contact_id, f"template:{template}")
    return person
