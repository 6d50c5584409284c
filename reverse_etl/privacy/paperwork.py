"""The paperwork of data protection, made from the definitions and the catalogue.

A folder with the record of processing activities (GDPR article 30), the data map, an impact
assessment (article 35), a notification of a breach (articles 33 and 34) and the parts of an
information notice (articles 13 and 14). What only people can know is left open and marked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reverse_etl.privacy import writing
from reverse_etl.privacy.words import day, page, retention, words
from workspace import catalogue
from workspace.catalogue import Holding
from workspace.clock import iso
from workspace.definitions import Definitions
from workspace.definitions.privacy import Language, Privacy, Words
from workspace.ledger import schema
from workspace.streams import STREAMS

PAGES = ("record", "data_map", "impact_assessment", "breach", "notice")
#: A picture with every place would not be read: categories are its boxes.
_PICTURE = "data_map.mmd"


@dataclass(frozen=True)
class Papers:
    """``folder`` holds them; ``unnamed`` are providers and destinations in use that no recipient
    of ``privacy.yml`` names, ``undescribed`` categories of the catalogue that it leaves out."""

    folder: Path
    files: tuple[str, ...]
    unnamed: tuple[str, ...]
    undescribed: tuple[str, ...]


def write(given: Definitions, folder: Path, language: Language, at: datetime) -> Papers:
    """Write all papers to a new folder. ``at`` is naive UTC.

    Raises :class:`~reverse_etl.privacy.writing.FolderError`.
    """
    places = data_map(given.privacy, language)
    context = _context(given, places, language, at)
    about = {"made_at": iso(at), "language": language}
    with writing.finished(folder, about) as unfinished:
        for name in PAGES:
            unfinished.add(f"{name}.html", page(f"{name}.html", context))
        unfinished.add("record.csv", writing.as_csv(context["activities"]))
        unfinished.add("data_map.csv", writing.as_csv(places))
        unfinished.add(_PICTURE, picture(given.privacy, language).encode())
        files = tuple(unfinished.files)
    return Papers(folder, files, tuple(unnamed(given)), tuple(_undescribed(given.privacy)))


def unnamed(given: Definitions) -> list[str]:
    """Providers and destinations in use that ``privacy.yml`` does not name."""
    destinations = {audience.destination for audience in given.audiences.audiences.values()}
    if given.audiences.crm.properties or given.audiences.crm.tasks:
        destinations.add("hubspot")
    return given.privacy.unnamed(given.providers.providers, destinations)


def _undescribed(privacy: Privacy) -> list[str]:
    held = {holding.category for holding in catalogue.HOLDINGS}
    return sorted(held - set(privacy.categories))


# ---- the data map --------------------------------------------------------------------------------


def data_map(privacy: Privacy, language: Language) -> list[dict[str, Any]]:
    """One row per stream, table and other place that holds something of people."""
    rows = [
        _place(privacy, language, holdings)
        for holdings in _merged().values()
        if holdings[0].category in privacy.categories
    ]
    for name, how in catalogue.PLACES.items():
        row = dict.fromkeys(rows[0] if rows else ("store", "name"), "")
        days = privacy.places.get(name)  # type: ignore[call-overload]
        kept = words(language)["paper"]["days"].replace("%", str(days)) if days else ""
        rows.append({**row, "store": "place", "name": name, "description": how, "kept": kept})
    return rows


def _merged() -> dict[tuple[str, str], list[Holding]]:
    found: dict[tuple[str, str], list[Holding]] = {}
    for holding in catalogue.HOLDINGS:
        found.setdefault((holding.store, holding.name), []).append(holding)
    return found


def _place(privacy: Privacy, language: Language, holdings: list[Holding]) -> dict[str, Any]:
    first = holdings[0]
    its = privacy.categories[first.category]
    if first.store == "lake":
        description, columns = STREAMS[first.name].description, STREAMS[first.name].schema.names
    else:
        table = schema.metadata.tables[first.name]
        description, columns = "", [column.name for column in table.columns]
    return {
        "store": first.store,
        "name": first.name,
        "description": description,
        "category": its.name.say(language),
        "personal_columns": ", ".join(_each(holdings)),
        "other_columns": ", ".join(name for name in columns if name not in set(_each(holdings))),
        "source": its.source.say(language),
        "purposes": _names(privacy.purposes[key].name for key in its.purposes)[language],
        "recipients": ", ".join(privacy.recipients[key].name for key in its.recipients),
        "kept": retention(its.retention, language),
        "after_erasure": words(language)["paper"]["stays"][first.stays],
    }


def _each(holdings: Iterable[Holding]) -> list[str]:
    return list(dict.fromkeys(column for its in holdings for column in its.columns))


def _names(texts: Iterable[Words]) -> dict[str, str]:
    listed = list(texts)
    return {
        "fr": ", ".join(text.fr for text in listed),
        "en": ", ".join(text.en for text in listed),
    }


def picture(privacy: Privacy, language: Language) -> str:
    """The way of the data as a Mermaid flow chart: purposes, categories, recipients."""
    lines = ["flowchart LR"]
    for key, category in privacy.categories.items():
        lines.append(f'  c_{key}["{_label(category.name.say(language))}"]')
    used = {key for category in privacy.categories.values() for key in category.recipients}
    for key, purpose in privacy.purposes.items():
        lines.append(f'  p_{key}(["{_label(purpose.name.say(language))}"])')
    for key in (key for key in privacy.recipients if key in used):
        lines.append(f'  r_{key}[/"{_label(privacy.recipients[key].name)}"/]')
    for key, category in privacy.categories.items():
        lines += [f"  c_{key} --> p_{purpose}" for purpose in category.purposes]
        lines += [f"  c_{key} -.-> r_{recipient}" for recipient in category.recipients]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace('"', "'")


# ---- pages ---------------------------------------------------------------------------------------


def _context(
    given: Definitions, places: list[dict[str, Any]], language: Language, at: datetime
) -> dict[str, Any]:
    privacy, said = given.privacy, words(language)
    return {
        "language": language,
        "said": said["paper"],
        "summary": said["summary"],
        "made": day(at, language),
        "controllers": [its.model_dump() for its in privacy.controllers],
        "officer": privacy.officer.model_dump() if privacy.officer else None,
        "authority": privacy.authority.model_dump() if privacy.authority else None,
        "activities": [activity(privacy, key, language) for key in privacy.purposes],
        "categories": [_category(privacy, key, language) for key in privacy.categories],
        "recipients": [
            {
                "name": its.name,
                "role": said["paper"]["roles"][its.role],
                "what": its.what.say(language),
                "country": its.country,
                "safeguard": its.safeguard.say(language) if its.safeguard else "",
            }
            for its in privacy.recipients.values()
        ],
        "profiling": [
            {
                "name": its.name.say(language),
                "logic": its.logic.say(language),
                "effects": its.effects.say(language),
            }
            for purpose in privacy.purposes.values()
            for its in purpose.profiling.values()
        ],
        "consents": [
            {
                "name": its.name,
                "channels": ", ".join(its.channels),
                "bases": ", ".join(its.legal_bases),
                "double": its.double_opt_in,
                "months": its.expires_after_months,
            }
            for its in given.consent.purposes.values()
        ],
        "measures": [its.say(language) for its in privacy.measures],
        "places": places,
        "unnamed": unnamed(given),
        "undescribed": _undescribed(privacy),
    }


def activity(privacy: Privacy, key: str, language: Language) -> dict[str, Any]:
    """A line of the record (article 30(1)(b)-(f))."""
    its = privacy.purposes[key]
    used = [category for category in privacy.categories.values() if key in category.purposes]
    subjects = dict.fromkeys(subject for category in used for subject in category.subjects)
    receiving = dict.fromkeys(name for category in used for name in category.recipients)
    recipients = [privacy.recipients[name] for name in receiving]
    bases = words(language)["paper"]["bases"]
    return {
        "activity": its.name.say(language),
        "purpose": its.description.say(language),
        "legal_bases": ", ".join(bases[basis] for basis in its.legal_bases),
        "interest": its.interest.say(language) if its.interest else "",
        "subjects": ", ".join(privacy.subjects[name].say(language) for name in subjects),
        "data": ", ".join(category.name.say(language) for category in used),
        "recipients": ", ".join(recipient.name for recipient in recipients),
        "transfers": "; ".join(
            f"{recipient.name} ({recipient.country}): {recipient.safeguard.say(language)}"
            for recipient in recipients
            if recipient.safeguard
        ),
        "kept": "; ".join(
            f"{category.name.say(language)}: {retention(category.retention, language)}"
            for category in used
        ),
    }


def _category(privacy: Privacy, key: str, language: Language) -> dict[str, Any]:
    its = privacy.categories[key]
    return {
        "name": its.name.say(language),
        "description": its.description.say(language),
        "source": its.source.say(language),
        "kept": retention(its.retention, language),
        "purposes": _names(privacy.purposes[name].name for name in its.purposes)[language],
        "recipients": ", ".join(privacy.recipients[name].name for name in its.recipients),
    }
