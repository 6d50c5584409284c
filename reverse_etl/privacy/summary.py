"""What an export says to the person in words (GDPR article 15(1) and (2)), as HTML and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reverse_etl.privacy.gathering import Dataset, Row
from reverse_etl.privacy.subjects import Subject
from reverse_etl.privacy.words import day, page, retention, words
from workspace.definitions import Definitions
from workspace.definitions.privacy import Language, Profiling, Recipient, Words

#: Of a result only what says something to a person.
_TECHNICAL = ("_id", "_key", "_hash", "_ids", "_json")
_SHOWN = 40
Handed = Sequence[tuple[Dataset, list[Row]]]


@dataclass(frozen=True)
class Answer:
    """What a summary is made from. Times are naive UTC."""

    given: Definitions
    subject: Subject
    language: Language
    at: datetime
    requested_at: datetime
    due_at: datetime

    def say(self, text: Words) -> str:
        return text.say(self.language)


def summarise(answer: Answer, handed: Handed, originals: int) -> dict[str, bytes]:
    """The summary by file name."""
    context = _context(answer, handed, originals)
    return {name: page(name, context) for name in ("summary.html", "summary.txt")}


def _context(answer: Answer, handed: Handed, originals: int) -> dict[str, Any]:
    privacy, language = answer.given.privacy, answer.language
    said = words(language)["summary"]
    categories = [_category(answer, key, handed) for key in privacy.categories]
    held = [category for category in categories if category["rows"]]
    purposes = {key for category in held for key in privacy.categories[category["key"]].purposes}
    recipients = {
        key for category in held for key in privacy.categories[category["key"]].recipients
    }
    return {
        "language": language,
        "said": said,
        "asked": day(answer.requested_at, language),
        "due": day(answer.due_at, language),
        "made": day(answer.at, language),
        "subject": answer.subject.subject_key,
        "controllers": [its.model_dump() for its in privacy.controllers],
        "officer": privacy.officer.model_dump() if privacy.officer else None,
        "authority": privacy.authority.model_dump() if privacy.authority else None,
        "identifiers": _identifiers(answer.subject, said),
        "categories": held,
        "purposes": [_purpose(answer, key) for key in privacy.purposes if key in purposes],
        "received": _received(answer, handed),
        "recipients": [
            _recipient(answer, its)
            for key, its in privacy.recipients.items()
            if key in recipients and its.role != "own"
        ],
        "profiling": [
            _profiling(answer, its, handed)
            for key, purpose in privacy.purposes.items()
            if key in purposes
            for its in purpose.profiling.values()
        ],
        "consents": _consents(answer, handed),
        "originals": originals,
    }


def _identifiers(subject: Subject, said: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": said[kind], "values": sorted(subject.values[kind])}
        for kind in ("email", "phone", "user_id", "anonymous_id", "crm_contact", "external_id")
        if subject.values.get(kind)
    ]


def _category(answer: Answer, key: str, handed: Handed) -> dict[str, Any]:
    privacy = answer.given.privacy
    its = privacy.categories[key]
    tables = [
        {"path": f"data/{dataset.path}.csv", "rows": len(rows)}
        for dataset, rows in handed
        if dataset.category == key
    ]
    bases = words(answer.language)["bases"]
    return {
        "key": key,
        "name": answer.say(its.name),
        "description": answer.say(its.description),
        "purposes": [answer.say(privacy.purposes[purpose].name) for purpose in its.purposes],
        "bases": [bases[basis] for basis in privacy.legal_bases_of(key)],
        "source": answer.say(its.source),
        "kept": retention(its.retention, answer.language),
        "recipients": [
            privacy.recipients[name].name
            for name in its.recipients
            if privacy.recipients[name].role != "own"
        ],
        "tables": tables,
        "rows": sum(table["rows"] for table in tables),
    }


def _purpose(answer: Answer, key: str) -> dict[str, Any]:
    its = answer.given.privacy.purposes[key]
    bases = words(answer.language)["bases"]
    return {
        "name": answer.say(its.name),
        "description": answer.say(its.description),
        "bases": [bases[basis] for basis in its.legal_bases],
        "interest": answer.say(its.interest) if its.interest else None,
    }


def _recipient(answer: Answer, its: Recipient) -> dict[str, Any]:
    return {
        "name": its.name,
        "what": answer.say(its.what),
        "country": its.country,
        "safeguard": answer.say(its.safeguard) if its.safeguard else None,
    }


def _received(answer: Answer, handed: Handed) -> list[dict[str, Any]]:
    """Who was in fact given data (CJEU C-154/21): providers that accepted a message, destinations
    that hold or held the person, the CRM where something was made or changed for them."""
    accepted: Counter[str] = Counter()
    for dataset, rows in handed:
        for row in rows:
            if dataset.path == "ledger/message_attempts" and row["result"] == "accepted":
                accepted[row["provider"]] += 1
            elif dataset.path == "ledger/audience_syncs" and row["state"] != "due":
                accepted[row["destination"]] += 1
            elif dataset.path == "ledger/crm_actions" and row["state"] == "delivered":
                accepted["hubspot"] += 1
    found: Counter[str] = Counter()
    for its in answer.given.privacy.recipients.values():
        for name in {*its.providers, *its.destinations} & accepted.keys():
            if its.role != "own":
                found[its.name] += accepted[name]
    return [{"name": name, "times": times} for name, times in sorted(found.items())]


def _profiling(answer: Answer, its: Profiling, handed: Handed) -> dict[str, Any]:
    results = [
        {"table": dataset.name, "rows": len(rows), "values": _values(rows)}
        for dataset, rows in handed
        if dataset.place == "marts" and dataset.name in its.marts
    ]
    return {
        "name": answer.say(its.name),
        "logic": answer.say(its.logic),
        "effects": answer.say(its.effects),
        "results": results,
    }


def _values(rows: Sequence[Row]) -> list[dict[str, str]]:
    """A single result, column by column."""
    if len(rows) != 1:
        return []
    return [
        {"name": name, "value": _short(value)}
        for name, value in rows[0].items()
        if value is not None and not name.endswith(_TECHNICAL)
    ][:_SHOWN]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _consents(answer: Answer, handed: Handed) -> list[dict[str, str]]:
    states = words(answer.language)["states"]
    purposes = answer.given.consent.purposes
    return [
        {
            "purpose": purposes[row["purpose"]].name
            if row["purpose"] in purposes
            else row["purpose"],
            "channel": row["channel"],
            "state": states.get(row["state"], row["state"]),
            "since": _since(row, answer.language),
        }
        for row in _rows(handed, "marts/consent_states")
    ]


def _since(row: Row, language: Language) -> str:
    at = row.get("decided_at")
    return day(at, language) if isinstance(at, datetime) else ""


def _rows(handed: Handed, path: str) -> Iterable[Row]:
    return (row for dataset, rows in handed if dataset.path == path for row in rows)
