"""`privacy.yml`: who is responsible for which personal data, why it is kept, how long, who gets it.

Exports for people, the record of processing, retention and erasure are made from it, together
with `workspace.catalogue`, which says in which stream and table each category lies. Texts that
people read are given in French and in English.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from workspace import catalogue
from workspace.definitions.audiences import DESTINATIONS
from workspace.definitions.providers import CHANNELS
from workspace.definitions.reading import Key, Row, Strict, nearest, no_repeats

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")
#: GDPR article 6(1): (a), (b), (c), (f).
LegalBasis = Literal["consent", "contract", "legal_obligation", "legitimate_interest"]
#: Places besides streams and tables whose contents end after a number of days.
Place = Literal["dagster"]
Line = Annotated[str, Field(min_length=1, max_length=4000)]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Words(Strict):
    """A text that people read, in both languages."""

    fr: Line
    en: Line

    def say(self, language: Language) -> str:
        return self.fr if language == "fr" else self.en


class Controller(Strict):
    """GDPR article 4(7): who decides why and how. ``verticals``: whose data it decides about;
    all where nothing is said."""

    name: Line
    address: Line
    email: Address
    verticals: list[Key] = []


class Officer(Strict):
    """Whom a person writes to about their data: the data protection officer, or who stands in."""

    name: Line
    email: Address
    address: Line | None = None


class Authority(Strict):
    """Where a person may complain (GDPR article 77)."""

    name: Line
    address: Line
    url: Annotated[str, Field(pattern=r"^https://\S+$")]


class Profiling(Strict):
    """GDPR article 15(1)(h): what is worked out about a person, how, and what follows.
    ``marts`` are the published tables that hold the results."""

    name: Words
    logic: Words
    effects: Words
    marts: list[Key] = []


class Purpose(Strict):
    """A processing activity (GDPR article 30(1)). ``consent_purposes`` are those of
    ``consent.yml`` that it rests on where consent or an objection decides; ``interest`` says
    which legitimate interest is pursued."""

    name: Words
    description: Words
    legal_bases: Annotated[list[LegalBasis], Field(min_length=1)]
    interest: Words | None = None
    consent_purposes: list[Key] = []
    profiling: dict[Key, Profiling] = {}

    @model_validator(mode="after")
    def _interest_is_named(self) -> Purpose:
        no_repeats(self.legal_bases, "legal basis")
        if ("legitimate_interest" in self.legal_bases) != (self.interest is not None):
            raise ValueError("interest: given where legitimate_interest is a legal basis, only")
        return self


class Recipient(Strict):
    """Who receives data. ``providers`` and ``destinations`` are the names in ``providers.yml``
    and ``audiences.yml`` under which it is reached; ``country`` is ISO 3166-1 alpha-2 or ``EU``;
    ``safeguard`` says what a transfer outside the EU rests on (GDPR chapter V)."""

    name: Line
    role: Literal["own", "processor", "controller"]
    what: Words
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    safeguard: Words | None = None
    providers: list[str] = []
    destinations: list[str] = []

    @model_validator(mode="after")
    def _names_are_known(self) -> Recipient:
        for given, known, what in (
            (self.providers, CHANNELS, "provider"),
            (self.destinations, DESTINATIONS, "destination"),
        ):
            no_repeats(given, what)
            for name in given:
                if name not in known:
                    raise ValueError(f"no {what} {name!r}{nearest(name, known)}")
        return self


class Retention(Strict):
    """``months`` after ``from`` (null: as long as its owner's other data), then what is done.

    ``last_own_act``: the person's last own act (a click, form, visit, reply or order; an open or
    a delivery is none). ``occurred``: the row's time. ``ended``: the end of the contract or
    relation. ``decided``: the decision. ``erase``: the person, by the erasure; ``delete``: the
    rows; ``anonymise``: what names a person in the rows.
    """

    months: Annotated[StrictInt, Field(gt=0, le=1200)] | None
    since: Annotated[
        Literal["last_own_act", "occurred", "ended", "decided"], Field(alias="from")
    ] = "occurred"
    then: Literal["erase", "delete", "anonymise"] = "anonymise"


class Category(Strict):
    """What `workspace.catalogue` files streams and tables under."""

    name: Words
    description: Words
    purposes: Annotated[list[Key], Field(min_length=1)]
    subjects: Annotated[list[Key], Field(min_length=1)]
    source: Words
    recipients: list[Key] = []
    retention: Retention

    @model_validator(mode="after")
    def _each_once(self) -> Category:
        no_repeats(self.purposes, "purpose")
        no_repeats(self.subjects, "subject")
        no_repeats(self.recipients, "recipient")
        return self


class Erasure(Strict):
    """``residual``: whether anonymous rows stay after an erasure, so that totals do."""

    residual: StrictBool = True


class Privacy(Strict):
    """``places``: place -> days after which its contents end. ``measures``: the security of
    processing in words (GDPR article 30(1)(g))."""

    controllers: list[Controller] = []
    officer: Officer | None = None
    authority: Authority | None = None
    subjects: dict[Key, Words] = {}
    recipients: dict[Key, Recipient] = {}
    purposes: dict[Key, Purpose] = {}
    categories: dict[Key, Category] = {}
    places: dict[Place, Annotated[StrictInt, Field(gt=0, le=36500)]] = {}
    measures: list[Words] = []
    erasure: Erasure = Erasure()

    def faults(
        self, consent_purposes: Iterable[str], verticals: Iterable[str]
    ) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What does not fit within the file, with ``consent.yml`` or ``verticals.yml``."""
        of_consent, of_verticals = list(consent_purposes), list(verticals)
        for n, controller in enumerate(self.controllers):
            place: tuple[str | int, ...] = ("controllers", n, "verticals")
            yield from _unknown(place, controller.verticals, of_verticals, "vertical")
        for key, purpose in self.purposes.items():
            place = ("purposes", key, "consent_purposes")
            yield from _unknown(place, purpose.consent_purposes, of_consent, "purpose of consent")
        for key, category in self.categories.items():
            place = ("categories", key)
            yield from _unknown((*place, "purposes"), category.purposes, self.purposes, "purpose")
            yield from _unknown((*place, "subjects"), category.subjects, self.subjects, "subject")
            yield from _unknown(
                (*place, "recipients"), category.recipients, self.recipients, "recipient"
            )
        for kind in ("providers", "destinations"):
            first: dict[str, str] = {}
            for key, recipient in self.recipients.items():
                for name in getattr(recipient, kind):
                    if first.setdefault(name, key) != key:
                        yield ("recipients", key, kind), f"{name!r} is that of {first[name]}, too"

    def unnamed(self, providers: Iterable[str], destinations: Iterable[str]) -> list[str]:
        """Providers and destinations in use that no recipient names, so that the record of
        processing would be silent about them."""
        named = {name for its in self.recipients.values() for name in its.providers}
        reached = {name for its in self.recipients.values() for name in its.destinations}
        return sorted({*set(providers) - named, *set(destinations) - reached})

    def legal_bases_of(self, category: str) -> list[LegalBasis]:
        """The legal bases of the purposes of a category, each once, in their order."""
        purposes = (self.purposes[key] for key in self.categories[category].purposes)
        return list(dict.fromkeys(basis for purpose in purposes for basis in purpose.legal_bases))

    def rows(self) -> Iterator[Row]:
        yield Row("privacy_settings", "settings", 1, {"residual": self.erasure.residual})
        for n, (key, purpose) in enumerate(self.purposes.items(), 1):
            value = {"purpose": key, **_both("name", purpose.name)}
            value |= _both("description", purpose.description)
            value |= _both("interest", purpose.interest)
            value["legal_bases"] = ", ".join(purpose.legal_bases)
            value["consent_purposes"] = ", ".join(purpose.consent_purposes) or None
            value["is_profiling"] = bool(purpose.profiling)
            yield Row("privacy_purposes", key, n, value)
        for n, (key, category) in enumerate(self.categories.items(), 1):
            value = {"category": key, **_both("name", category.name)}
            value |= _both("description", category.description)
            value |= _both("source", category.source)
            value["retention_months"] = category.retention.months
            value["retention_from"] = category.retention.since
            value["retention_then"] = category.retention.then
            yield Row("privacy_categories", key, n, value)
            for m, purpose_key in enumerate(category.purposes, 1):
                pair = {"category": key, "purpose": purpose_key}
                yield Row("privacy_category_purposes", f"{key}/{purpose_key}", m, pair)
            for m, subject in enumerate(category.subjects, 1):
                named = {"category": key, "subject": subject}
                named |= _both("name", self.subjects.get(subject))
                yield Row("privacy_category_subjects", f"{key}/{subject}", m, named)
            for m, recipient in enumerate(category.recipients, 1):
                pair = {"category": key, "recipient": recipient}
                yield Row("privacy_category_recipients", f"{key}/{recipient}", m, pair)
        for n, (key, its) in enumerate(self.recipients.items(), 1):
            value = {"recipient": key, "name": its.name, "role": its.role, "country": its.country}
            value |= {**_both("what", its.what), **_both("safeguard", its.safeguard)}
            yield Row("privacy_recipients", key, n, value)
        yield from _held()
        for n, (place, days) in enumerate(self.places.items(), 1):
            yield Row("privacy_places", place, n, {"place": place, "days": days})


def _held() -> Iterator[Row]:
    """Each stream and table that holds something of people, as the catalogue says."""
    merged: dict[tuple[str, str], list[catalogue.Holding]] = {}
    for holding in catalogue.HOLDINGS:
        merged.setdefault((holding.store, holding.name), []).append(holding)
    for n, ((store, name), holdings) in enumerate(merged.items(), 1):
        owners = {column for its in holdings for column in its.owners}
        mentions = {column for its in holdings for column in its.mentions}
        value = {
            "store": store,
            "name": name,
            "category": holdings[0].category,
            "identifying_columns": ", ".join(sorted(owners)) or None,
            "mentioning_columns": ", ".join(sorted(mentions - owners)) or None,
            "personal_columns": ", ".join(
                dict.fromkeys(column for its in holdings for column in its.columns)
            ),
            "after_erasure": holdings[0].stays,
        }
        yield Row("personal_data", f"{store}/{name}", n, value)


def _both(name: str, words: Words | None) -> dict[str, str | None]:
    return {f"{name}_{lang}": words.say(lang) if words else None for lang in LANGUAGES}


def _unknown(
    place: tuple[str | int, ...], given: Iterable[str], known: Iterable[str], what: str
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    known = list(known)
    for n, name in enumerate(given):
        if name not in known:
            yield (*place, n), f"no {what} {name!r}{nearest(name, known)}"
