"""What several vendors have in common: Unix times, names of form fields, pages by offset."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ingestion.sources import lines
from ingestion.sources.model import Page, Pull, PullError, Record
from workspace.clock import iso

EPOCH = datetime(1970, 1, 1)
SECOND, MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)

#: Our name of a form field, and what forms call it once the fillers are gone.
FIELD_NAMES = {
    "email": ("email", "mail", "courriel", "adresse email", "adresse mail", "email address"),
    "phone": ("phone", "phone number", "mobile", "tel", "telephone", "numero telephone"),
    "first_name": ("first name", "firstname", "prenom"),
    "last_name": ("last name", "lastname", "surname", "nom", "nom famille"),
    "organisation": (
        *("company", "company name", "organization", "organisation", "societe", "entreprise"),
        *("collectivite", "etablissement", "structure", "nom societe", "nom entreprise"),
        *("nom collectivite", "nom etablissement", "raison sociale"),
    ),
    "job_title": ("job title", "jobtitle", "fonction", "poste"),
    "vertical": ("vertical", "secteur"),
    "user_id": ("user id", "userid"),
    "utm_source": ("utm source",),
    "utm_medium": ("utm medium",),
    "utm_campaign": ("utm campaign",),
}
_OWN = {name: own for own, names in FIELD_NAMES.items() for name in names}
_FILLERS = {
    *(
        "quel",
        "quelle",
        "est",
        "et",
        "votre",
        "vos",
        "mon",
        "le",
        "la",
        "l",
        "de",
        "du",
        "d",
        "svp",
    ),
    *("what", "s", "is", "and", "your", "my", "the", "of", "please"),
}


def unix_time(number: Any, unit: timedelta = SECOND) -> datetime:
    """A whole number of seconds, or of another unit, since 1970 as naive UTC.

    Raises TypeError for anything but a whole number, ValueError beyond the calendar.
    """
    if type(number) is not int:
        raise TypeError(f"expected a whole number since 1970, not {number!r:.40}")
    try:
        return EPOCH + number * unit
    except OverflowError:
        raise ValueError("beyond the calendar") from None


def from_unix(number: Any, unit: timedelta = SECOND) -> str | None:
    """:func:`unix_time` as ISO 8601; None stays None."""
    return None if number is None else iso(unix_time(number, unit))


def to_unix(time: datetime, unit: timedelta = SECOND) -> int:
    return (time - EPOCH) // unit


def own_name(label: str) -> str | None:
    """Our name of a form field by its own name or its question, English or French."""
    bare = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    words = " ".join(word for word in re.findall(r"[a-z0-9]+", bare) if word not in _FILLERS)
    return _OWN.get(re.sub(r"\be mail\b", "email", words))


def named(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The first filled value for each of our field names."""
    found: dict[str, Any] = {}
    for label, value in pairs:
        own = own_name(label)
        if own and value not in (None, "", []):
            found.setdefault(own, value)
    return found


def at(value: Any, path: str) -> Any:
    """What is at a path of an answer. Raises :class:`PullError` where the path leads nowhere."""
    try:
        return Record(value)[path]
    except TypeError:
        raise PullError(f"an object without its {path!r}") from None


def key_of(value: Any, path: str = "id") -> str:
    """A vendor's key, safe in an address. Raises :class:`PullError` where there is none."""
    found = at(value, path)
    if not isinstance(found, str) or not found:
        raise PullError(f"an object without its {path!r}")
    return quote(found, safe="")


def by_offset(
    pull: Pull,
    path: str,
    records: str,
    limit: int,
    params: Mapping[str, Any],
    *,
    total: str | None = None,
    parent: Any = None,
) -> Iterator[Page]:
    """Pages by ``limit`` and ``offset``, until one is empty or the ``total`` is reached.

    The offset moves by the records that came, which may be fewer than were asked for.
    """
    context = lines.encoded(parent) if parent is not None else None
    offset = 0
    while True:
        response = pull.session.get(
            pull.url + path,
            params={**params, "limit": limit, "offset": offset},
            headers=dict(pull.source.headers),
            auth=pull.auth(),
        )
        yield Page(response.content, f"GET {path} from {offset}", context)
        answer = lines.decoded(response.content)
        found = lines.records_at(answer, records)
        offset += len(found)
        if not found or (total and offset == at(answer, total)):
            return
