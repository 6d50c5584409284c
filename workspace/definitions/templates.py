"""Message templates: what `templates/<name>/template.yml` and `senders.yml` say.

What a template says to people stands in files beside it, a folder a language; `reverse_etl.content`
reads those. Here is which of them it has, what may be filled in, and from where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from workspace.definitions.consent import Consent
from workspace.definitions.reading import DefinitionError, Key, Strict, nearest, read

Channel = Literal["email", "sms", "push", "landing"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "push", "landing")
#: Classes that nobody gets without having a way to end them.
ENDED_BY_UNSUBSCRIBING = ("marketing", "newsletter", "digest")

Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Url = Annotated[str, Field(pattern=r"^https://[^\s\"'<>\\]+$", max_length=2000)]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\r\n]*$")]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What a field may be filled from. ``event`` holds what the occasion of the message says, under
#: any name; ``message`` and ``sender`` are known of every message.
SOURCES: dict[str, frozenset[str]] = {
    "contact": _words(
        "first_name last_name job_title organisation city role persona language country "
        "lifecycle_stage buyer_stage lead_band"
    ),
    "account": _words(
        "name city postal_code departement_code region_code account_type population employees "
        "buyer_stage contract_ends_on"
    ),
    "recommendation": _words("title url content_type topic"),
    "message": _words("unsubscribe_url preferences_url view_url confirm_url sent_on"),
    "sender": _words("name organisation postal_address website_url app_url reply_to sms_stop"),
}
MOST_RECOMMENDATIONS = 5
_EVENT = re.compile(r"^event\.[a-z][a-z0-9_]{0,62}$")
_RECOMMENDATION = re.compile(r"^recommendation\.(\d+)\.([a-z_]+)$")


class MergeField(Strict):
    """A value that a message is filled with. Without a ``fallback`` whoever lacks it gets none."""

    from_: str = Field(alias="from", description="contact.first_name, event.amount, …")
    kind: Literal["text", "number", "date", "url"] = "text"
    decimals: int | None = Field(None, ge=0, le=6)
    fallback: str | dict[Language, str] | None = Field(
        None, description="One for all languages, or one a language; an empty one is a value, too."
    )

    @field_validator("from_")
    @classmethod
    def _is_known(cls, source: str) -> str:
        if _EVENT.match(source):
            return source
        ranked = _RECOMMENDATION.match(source)
        if ranked and 1 <= int(ranked[1]) <= MOST_RECOMMENDATIONS:
            area, name = "recommendation", ranked[2]
        else:
            area, _, name = source.partition(".")
            if area == "recommendation":
                raise ValueError(f"recommendation.<rank>.<what>, ranks 1 to {MOST_RECOMMENDATIONS}")
        if area not in SOURCES:
            raise ValueError(f"no source {area!r}{nearest(area, [*SOURCES, 'event'])}")
        if name not in SOURCES[area]:
            raise ValueError(f"{area} has no {name!r}{nearest(name, SOURCES[area])}")
        return source

    @model_validator(mode="after")
    def _urls_are_urls(self) -> MergeField:
        if self.decimals is not None and self.kind != "number":
            raise ValueError("decimals go with kind: number")
        is_url = self.from_.endswith("url")
        if is_url != (self.kind == "url") and not self.from_.startswith("event."):
            raise ValueError("a source whose name ends in url, and no other, is of kind: url")
        return self

    def fallback_in(self, language: str) -> str | None:
        """The fallback of a language, of its base language, or the one for all."""
        if isinstance(self.fallback, dict):
            return self.fallback.get(language, self.fallback.get(language[:2]))
        return self.fallback


class Variant(Strict):
    """One way a block can be, and for whom; without a condition for everybody else."""

    name: Key
    segment: Key | None = None
    field: Key | None = None
    in_: list[str] | None = Field(None, alias="in", min_length=1)

    @model_validator(mode="after")
    def _one_condition(self) -> Variant:
        if (self.field is None) != (self.in_ is None):
            raise ValueError("field: and in: go together")
        if self.segment is not None and self.field is not None:
            raise ValueError("one condition: segment:, or field: with in:")
        return self

    @property
    def is_for_all(self) -> bool:
        return self.segment is None and self.field is None


class Template(Strict):
    """A template: its class, its channels, what it is filled with."""

    name: Line
    description: str = ""
    vertical: Key
    class_: Literal["marketing", "transactional", "newsletter", "digest"] = Field(alias="class")
    purpose: Key | None = Field(None, description="Purpose of consent.yml it is sent for.")
    channels: list[Channel] = Field(min_length=1)
    language: Language = Field("fr", description="Taken for whoever speaks none of the others.")
    fields: dict[Key, MergeField] = {}
    blocks: dict[Key, Annotated[list[Variant], Field(min_length=1)]] = {}
    approved: bool = Field(True, description="false: a draft, which is never sent.")
    drafted_by: Line | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Template:
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("a channel is given twice")
        both = sorted(set(self.fields) & set(self.blocks))
        if both:
            raise ValueError(f"{both[0]!r} is a field and a block")
        for block, variants in self.blocks.items():
            names = [variant.name for variant in variants]
            if len(set(names)) < len(names):
                raise ValueError(f"blocks.{block}: a variant is given twice")
            if [v.is_for_all for v in variants] != [False] * (len(variants) - 1) + [True]:
                raise ValueError(
                    f"blocks.{block}: the last variant, and no other, has no condition"
                )
        if self.purpose is None and self.class_ != "transactional":
            raise ValueError(f"a {self.class_} template needs a purpose")
        return self


class SharedFields(Strict):
    """`templates/_shared/fields.yml`: fields that every template has besides its own."""

    fields: dict[Key, MergeField] = {}


class Sender(Strict):
    """Who a vertical's messages are from; what the law wants to be read there."""

    name: Line
    organisation: Line
    postal_address: Line
    website_url: Url
    app_url: Url
    reply_to: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    assets_url: Url = Field(description="Where marketing/assets is served from.")
    from_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        None, description="What mails come from; reply_to where nothing is said."
    )
    sms_from: Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{6,14}|[A-Za-z0-9 ]{3,11})$")] | None = (
        Field(None, description="A number, or a name of up to 11 letters and digits.")
    )
    sms_stop: Line = Field("STOP", description="How a text message is answered to end them.")

    @property
    def values(self) -> dict[str, str]:
        return {
            f"sender.{name}": getattr(self, name)
            for name in sorted(SOURCES["sender"])
            if getattr(self, name)
        }


class Senders(Strict):
    """`senders.yml`."""

    senders: dict[Key, Sender] = {}


class Rules(Strict):
    """`template_rules.yml`: what the lint holds templates to."""

    max_html_bytes: int = Field(102_000, gt=0, description="Gmail shows no more of a mail.")
    max_subject_characters: int = Field(60, gt=0)
    max_preheader_characters: int = Field(110, gt=0)
    max_sms_segments: int = Field(2, gt=0)
    max_push_title_characters: int = Field(50, gt=0)
    max_push_body_characters: int = Field(150, gt=0)
    hosts: list[str] = Field([], description="Hosts that may be linked to besides the verticals'.")
    spam_phrases: dict[Language, list[str]] = {}


def load_templates(
    folder: Path, verticals: Mapping[str, Any], consent: Consent
) -> dict[str, Template]:
    """Read ``templates/*/template.yml`` of a definitions folder. Raises :class:`DefinitionError`.

    Folders that begin with ``_`` hold what templates share; shared fields are among each one's.
    """
    segments = {path.stem for path in (folder / "segments").glob("*.y*ml")}
    shared = load_shared_fields(folder)
    found: dict[str, Template] = {}
    faults: list[str] = []
    for path in sorted((folder / "templates").glob("[!_.]*/template.yml")):
        key = path.parent.name
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", key):
            faults.append(f"{path}:1: the name of the folder is the template's key: a-z, 0-9 and _")
        try:
            template = read(
                path, Template, lambda t: _faults(t, shared, verticals, consent, segments)
            )
            found[key] = template.model_copy(update={"fields": {**shared, **template.fields}})
        except DefinitionError as error:
            faults += error.faults
    if faults:
        raise DefinitionError(faults)
    return found


def load_shared_fields(folder: Path) -> dict[str, MergeField]:
    path = folder / "templates" / "_shared" / "fields.yml"
    return read(path, SharedFields).fields if path.exists() else {}


def load_senders(folder: Path) -> Senders:
    path = folder / "senders.yml"
    return read(path, Senders) if path.exists() else Senders()


def load_rules(folder: Path) -> Rules:
    path = folder / "template_rules.yml"
    return read(path, Rules) if path.exists() else Rules()


def _faults(
    template: Template,
    shared: Mapping[str, MergeField],
    verticals: Mapping[str, Any],
    consent: Consent,
    segments: set[str],
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if template.vertical not in verticals:
        near = nearest(template.vertical, verticals)
        yield ("vertical",), f"no vertical {template.vertical!r} in verticals.yml{near}"
    purpose = template.purpose
    if purpose is not None and purpose not in consent.purposes:
        near = nearest(purpose, consent.purposes)
        yield ("purpose",), f"no purpose {purpose!r} in consent.yml{near}"
    fields = {**shared, **template.fields}
    for block, variants in template.blocks.items():
        if block in shared:
            yield ("blocks", block), f"{block!r} is a shared field"
        for number, variant in enumerate(variants):
            if variant.field is not None and variant.field not in fields:
                near = nearest(variant.field, fields)
                yield ("blocks", block, number, "field"), f"no field {variant.field!r}{near}"
            if variant.segment is not None and variant.segment not in segments:
                near = nearest(variant.segment, segments)
                yield ("blocks", block, number, "segment"), f"no segment {variant.segment!r}{near}"
