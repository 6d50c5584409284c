"""`consent.yml`: what may be asked, how it must be proven, how long it lasts, what ends it.

How these rules are applied is `docs/adr/008-consent-evidence.md`; a purpose that is not listed
can never be granted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from workspace.definitions.reading import Key, Row, Strict, nearest, no_repeats

Channel = Literal["email", "sms", "push", "ads", "all"]
Condition = Literal["notice", "sale", "professional"]
#: A field inside a form's answers: names and list positions.
Path = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.\w+|\[\d+\])*$")]
EventName = Annotated[str, Field(min_length=1, max_length=200)]
TextVersion = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
Wording = Annotated[str, Field(min_length=10, max_length=1000, pattern=r"^\S[^\r\n]*\S$")]

SOURCE_CLASSES = ("form", "preference_page", "one_click", "manual", "crm", "provider", "import")
#: The reason whose rule holds for every reason that is not listed.
OTHER = "other"


class Text(Strict):
    """What is shown beside a box, to the letter: for one channel, or for all of the purpose."""

    version: TextVersion = Field(description="Of its own: another wording has another version.")
    channel: Channel | None = None
    fr: Wording
    en: Wording

    def wording(self, language: str) -> str:
        """That of a language; French for any but English."""
        return self.en if language[:2] == "en" else self.fr


def text_hash(wording: str) -> str:
    """SHA-256 of a wording as it is shown, in hexadecimal digits."""
    return hashlib.sha256(wording.encode()).hexdigest()


class DoubleOptIn(Strict):
    """How a request is confirmed: the link holds for so many days from the request on; the message
    is made from the template of the person's vertical (the first where none is known), is sent once
    a request, and once in ``again_hours`` to one person for one purpose."""

    valid_days: Annotated[int, Field(gt=0, le=365)] = 30
    again_hours: Annotated[int, Field(ge=0, le=24 * 365)] = 24
    templates: dict[Key, Key] = {}


class Purpose(Strict):
    """``marketing``: an unsubscribe from its channel ends it. ``ends_on_objection``: an objection
    does; as ``marketing`` where nothing is said. ``profiling``: who refuses it is not scored.
    Months without a sign of life: null is never. ``texts``: every wording that is or was shown; of
    a channel the last one is shown now."""

    name: str
    channels: Annotated[list[Channel], Field(min_length=1)]
    marketing: bool
    ends_on_objection: bool | None = None
    double_opt_in: bool = False
    profiling: bool = False
    expires_after_months: Annotated[int, Field(gt=0, le=240)] | None = 24
    legal_bases: Annotated[list[Key], Field(min_length=1)]
    also_called: list[Key] = []
    texts: list[Text] = []

    def text(self, channel: str, version: str | None = None) -> Text | None:
        """The wording that is shown for a channel now, or that of a version."""
        fitting = [
            text
            for text in self.texts
            if text.channel in (None, channel) and version in (None, text.version)
        ]
        return fitting[-1] if fitting else None

    @model_validator(mode="after")
    def _whole(self) -> Purpose:
        no_repeats(self.channels, "channel")
        no_repeats([f"{text.version} ({text.channel or 'all'})" for text in self.texts], "text")
        for text in self.texts:
            if text.channel is not None and text.channel not in self.channels:
                raise ValueError(f"texts: the purpose has no channel {text.channel}")
        no_repeats(self.legal_bases, "legal basis")
        if "all" in self.channels and len(self.channels) > 1:
            raise ValueError("channels: 'all' stands alone")
        return self


class LegalBasis(Strict):
    """``notice``: the statement names the version of the text shown. ``sale``: the person was a
    customer by that day. ``professional``: the address written to is one person's at work, neither
    an organisation's (``generic_addresses``) nor one of a public mail service."""

    needs: list[Condition] = []


class Stop(Strict):
    """What a reason ends. ``lasting``: no later statement of the same authority undoes it."""

    state: Literal["withdrawn", "objection", "suppressed"]
    covers: Literal["marketing", "objection", "channel"]
    lasting: bool = False


class FormField(Strict):
    """A ticked box in an answer. ``name`` is the form's id, or the event's name for ``track``."""

    source: Literal["form_submissions", "track", "identify"]
    name: EventName | None = None
    field: Path
    purpose: Key
    channel: Channel
    legal_basis: Key = "consent"
    text_version: Annotated[str, Field(max_length=64)] | None = None


class Authorities(Strict):
    """Who speaks. The latest statement counts within one, the most restrictive across them."""

    own: list[str] = ["form", "preference_page", "one_click", "manual"]
    provider: list[str] = ["provider"]
    crm: list[str] = ["crm"]
    imported: Annotated[list[str], Field(alias="import")] = ["import"]

    @model_validator(mode="after")
    def _every_class_once(self) -> Authorities:
        given = [name for _, names in self.by_name() for name in names]
        no_repeats(given, "source class")
        for name in given:
            if name not in SOURCE_CLASSES:
                raise ValueError(f"no source class {name!r}{nearest(name, SOURCE_CLASSES)}")
        missing = [name for name in SOURCE_CLASSES if name not in given]
        if missing:
            raise ValueError(f"source classes without an authority: {', '.join(missing)}")
        return self

    def by_name(self) -> list[tuple[str, list[str]]]:
        """In the order in which their proof is preferred."""
        return [
            ("own", self.own),
            ("provider", self.provider),
            ("crm", self.crm),
            ("import", self.imported),
        ]


class Consent(Strict):
    authorities: Authorities = Authorities()
    legal_bases: dict[Key, LegalBasis] = {}
    purposes: dict[Key, Purpose] = {}
    stops: dict[Key, Stop] = {}
    mail_events: dict[EventName, Key] = {}
    passive_events: list[EventName] = []
    #: First words of addresses that are an organisation's and no person's.
    generic_addresses: list[Annotated[str, Field(pattern=r"^[a-z]+$")]] = []
    forms: list[FormField] = []
    double_opt_in: DoubleOptIn = DoubleOptIn()

    @model_validator(mode="after")
    def _names_are_known(self) -> Consent:
        faults = list(self._faults())
        if faults:
            # With its place each, which a plain error of the whole file would not have.
            raise ValidationError.from_exception_data(
                "Consent",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("unknown_name", "{text}", {"text": text}),
                        loc=place,
                        input=None,
                    )
                    for place, text in faults
                ],
            )
        return self

    def _faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        taken = {"all": "all purposes together"}
        for key, purpose in self.purposes.items():
            for n, name in enumerate([key, *purpose.also_called]):
                place = ("purposes", key, *(["also_called", n - 1] if n else []))
                if name in taken:
                    yield place, f"{name!r} is the name of {taken[name]}"
                taken[name] = f"purpose {key}"
            for n, basis in enumerate(purpose.legal_bases):
                if basis not in self.legal_bases:
                    text = f"no legal basis {basis!r}{nearest(basis, self.legal_bases)}"
                    yield ("purposes", key, "legal_bases", n), text
        if self.purposes and OTHER not in self.stops:
            yield ("stops",), f"{OTHER!r} is missing: what a reason that is not listed ends"
        for event, reason in self.mail_events.items():
            if reason not in self.stops:
                yield ("mail_events", event), f"no stop {reason!r}{nearest(reason, self.stops)}"
        for n, form in enumerate(self.forms):
            purpose_of = self.purposes.get(form.purpose)
            if purpose_of is None:
                text = f"no purpose {form.purpose!r}{nearest(form.purpose, self.purposes)}"
                yield ("forms", n, "purpose"), text
            elif form.channel not in purpose_of.channels:
                yield ("forms", n, "channel"), f"{form.purpose} has no {form.channel}"

    def template_faults(
        self, verticals: Collection[str], templates: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong with ``double_opt_in.templates``, with its place."""
        for vertical, name in self.double_opt_in.templates.items():
            place = ("double_opt_in", "templates", vertical)
            if vertical not in verticals:
                yield place, f"no vertical {vertical!r}{nearest(vertical, verticals)}"
            template = templates.get(name)
            if template is None:
                yield place, f"no template {name!r}{nearest(name, templates)}"
            elif not any(f.from_ == "message.confirm_url" for f in template.fields.values()):
                yield place, f"the template {name} has no field from message.confirm_url"

    def rows(self) -> Iterator[Row]:
        for key, purpose in self.purposes.items():
            apart = {"channels", "legal_bases", "also_called", "texts"}
            scalars = purpose.model_dump(exclude=apart)
            if purpose.ends_on_objection is None:
                scalars["ends_on_objection"] = purpose.marketing
            for n, channel in enumerate(purpose.channels, 1):
                value = {"purpose": key, "channel": channel, **scalars}
                yield Row("consent_purposes", f"{key}/{channel}", n, value)
            for n, name in enumerate([key, *purpose.also_called], 1):
                yield Row("consent_purpose_names", name, n, {"name": name, "purpose": key})
            for n, basis in enumerate(purpose.legal_bases, 1):
                needs = self.legal_bases[basis].needs
                value = {
                    "purpose": key,
                    "legal_basis": basis,
                    "needs_notice": "notice" in needs,
                    "needs_sale": "sale" in needs,
                    "needs_professional": "professional" in needs,
                }
                yield Row("consent_bases", f"{key}/{basis}", n, value)
            yield from _text_rows(key, purpose)
        for position, (authority, classes) in enumerate(self.authorities.by_name(), 1):
            for name in classes:
                value = {"source_class": name, "authority": authority}
                yield Row("consent_sources", name, position, value)
        for n, (reason, stop) in enumerate(self.stops.items(), 1):
            yield Row("consent_stops", reason, n, {"reason": reason, **stop.model_dump()})
        passive = dict.fromkeys(self.passive_events)
        for n, (event, reason) in enumerate({**passive, **self.mail_events}.items(), 1):
            value = {"event": event, "reason": reason, "is_passive": event in passive}
            yield Row("consent_mail_events", event, n, value)
        for n, name in enumerate(dict.fromkeys(self.generic_addresses), 1):
            yield Row("consent_generic_addresses", name, n, {"name": name})
        for n, form in enumerate(self.forms, 1):
            yield Row("consent_forms", str(n), n, form.model_dump())
        if self.purposes:
            value = self.double_opt_in.model_dump()
            yield Row("consent_double_opt_in", "double_opt_in", 1, value)


def _text_rows(key: str, purpose: Purpose) -> Iterator[Row]:
    for n, text in enumerate(purpose.texts, 1):
        for language in ("fr", "en"):
            wording = text.wording(language)
            value = {
                "purpose": key,
                "channel": text.channel,
                "text_version": text.version,
                "language": language,
                "text": wording,
                "text_hash": text_hash(wording),
            }
            ident = f"{key}/{text.channel or 'all'}/{text.version}/{language}"
            yield Row("consent_texts", ident, n, value)
