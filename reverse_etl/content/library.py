"""The templates of a definitions folder, and messages rendered from them.

    with Library.load(settings.definitions) as library:
        for answer in library.render(requests):
            ...                    # Rendered, or Refused with a reason

Rendering decides nothing about who may be written to, and knows no time but what values say.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from reverse_etl.content import sms
from reverse_etl.content.assets import Asset, load_assets
from reverse_etl.content.files import Found, read_template
from reverse_etl.content.parts import Incomplete, Part, version_of
from reverse_etl.content.pool import STOPPED, Batch, Pool
from reverse_etl.content.values import Primitive
from workspace.definitions.consent import Consent
from workspace.definitions.reading import DefinitionError, nearest, read
from workspace.definitions.templates import Sender, Template, load_senders, load_templates
from workspace.definitions.verticals import Verticals

BATCH = 200
LONGEST = 1_000_000
REASONS = (
    "no_template",  # none of that name
    "no_part",  # it has no such channel
    "draft",  # nobody has approved it
    "missing_value",  # a field has neither a value nor a fallback
    "bad_value",  # a value cannot stand where it is asked for
    "stopped",  # it took too much time or memory
    "failed",  # the engine refused, or a message came out empty or too long
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_CANONICAL = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Request:
    """A message to render. ``values`` are by source (``contact.first_name``), as `people` reads
    them; ``segments`` are the keys of those the person is in."""

    template: str
    channel: str
    language: str | None = None
    values: Mapping[str, Primitive] = field(default_factory=dict)
    segments: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message. ``payload`` is canonical JSON of ``content`` and of what it was made from: the
    bytes to keep, the same for the same version and values."""

    template: str
    template_version: str
    channel: str
    language: str
    content: dict[str, str]
    payload: bytes
    segments: int | None = None

    @property
    def subject(self) -> str | None:
        return self.content.get("subject")

    @property
    def preheader(self) -> str | None:
        return self.content.get("preheader")

    @property
    def html(self) -> str | None:
        return self.content.get("html")

    @property
    def text(self) -> str | None:
        return self.content.get("text")

    @property
    def payload_hash(self) -> str:
        return hashlib.sha256(self.payload).hexdigest()


@dataclass(frozen=True)
class Refused:
    """Why there is no message: one of `REASONS`, and the field it is about."""

    template: str
    channel: str
    reason: str
    detail: str
    field: str | None = None


@dataclass(frozen=True)
class Entry:
    """A template with its parts by channel and language."""

    key: str
    template: Template
    version: str
    parts: Mapping[tuple[str, str], Part]
    found: Found | None = None

    def part(self, channel: str, language: str | None) -> Part | None:
        for candidate in chain(language, self.template.language):
            part = self.parts.get((channel, candidate))
            if part is not None:
                return part
        return None


@dataclass(frozen=True)
class RequiredField:
    """A value a message cannot do without, by its name in the template and its source."""

    name: str
    source: str


def chain(language: str | None, default: str) -> list[str]:
    """The languages to look for, best first: fr-CA, fr, then the template's own."""
    wanted = (language or "").replace("_", "-").strip()
    base, _, region = wanted.partition("-")
    exact = f"{base.lower()}-{region.upper()}" if region else base.lower()
    return [name for name in dict.fromkeys((exact, base.lower(), default)) if name]


class Library:
    """Templates, and the workers that render them. A context manager; else `close` it."""

    def __init__(
        self,
        entries: Iterable[Entry],
        assets: Mapping[str, Asset] | None = None,
        senders: Mapping[str, Sender] | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.entries = {entry.key: entry for entry in entries}
        self.assets = dict(assets or {})
        self.senders = dict(senders or {})
        self.pool = pool or Pool()

    @classmethod
    def load(cls, folder: Path, keys: Collection[str] | None = None) -> Library:
        """Read ``templates/``, ``assets/`` and ``senders.yml`` of a definitions folder.

        ``keys``: only these templates. Raises
        :class:`~workspace.definitions.reading.DefinitionError` with all that is wrong.
        """
        verticals = read(folder / "verticals.yml", Verticals)
        path = folder / "consent.yml"
        consent = read(path, Consent) if path.exists() else Consent()
        senders = load_senders(folder).senders
        assets = load_assets(folder)
        entries, faults = [], []
        for key, template in load_templates(folder, verticals.verticals, consent).items():
            if keys is not None and key not in keys:
                continue
            sender = senders.get(template.vertical)
            its_folder = folder / "templates" / key
            if sender is None:
                near = nearest(template.vertical, senders)
                text = f"no sender of {template.vertical!r} in senders.yml{near}"
                faults.append(f"{its_folder / 'template.yml'}:1: vertical: {text}")
                continue
            try:
                found = read_template(key, its_folder, template, sender, assets)
            except DefinitionError as error:
                faults += error.faults
                continue
            version = version_of(found.parts.values(), template.class_, template.purpose)
            entries.append(Entry(key, template, version, found.parts, found))
        faults += _engine_faults(entries)
        if faults:
            raise DefinitionError(faults)
        return cls(entries, assets, senders)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; another render starts new ones."""
        self.pool.close()

    def required_fields(
        self, template: str, channel: str, language: str | None = None
    ) -> tuple[RequiredField, ...]:
        """What a person must have to be sent this. Raises ``KeyError`` where there is no such part.

        A value that is there may still be refused (`values`), so rendering has the last word.
        """
        part = self.entries[template].part(channel, language)
        if part is None:
            raise KeyError((template, channel))
        return tuple(RequiredField(n.name, n.source) for n in part.needs if n.is_required)

    def sources(self, templates: Iterable[str] | None = None) -> set[str]:
        """The sources that these templates, or all, are filled from."""
        keys = self.entries if templates is None else templates
        return {
            need.source
            for key in keys
            for part in self.entries[key].parts.values()
            for need in (*part.needs, *part.deciding)
            if not need.is_constant
        }

    def render(
        self, requests: Sequence[Request], *, drafts: bool = False
    ) -> list[Rendered | Refused]:
        """One answer for each request, in their order. ``drafts``: those, too, for a preview."""
        answers: list[Any] = [None] * len(requests)
        batches: list[tuple[Entry, Part, list[int]]] = []

        def pack(entry: Entry, part: Part, waiting: list[tuple[int, dict[str, str]]]) -> Batch:
            batches.append((entry, part, [number for number, _ in waiting]))
            name = f"{entry.version}:{part.channel}:{part.language}"
            return Batch(name, part.pieces, [values for _, values in waiting])

        def prepared() -> Iterator[Batch]:
            waiting: dict[tuple[str, str, str], list[tuple[int, dict[str, str]]]]
            waiting = defaultdict(list)
            for number, request in enumerate(requests):
                entry = self.entries.get(request.template)
                part = entry.part(request.channel, request.language) if entry else None
                if entry is None or part is None or not (entry.template.approved or drafts):
                    answers[number] = self._unavailable(request, entry, part)
                    continue
                try:
                    values = part.filled(request.values, request.segments)
                except Incomplete as error:
                    answers[number] = Refused(
                        request.template, request.channel, error.reason, error.detail, error.field
                    )
                    continue
                key = (entry.key, part.channel, part.language)
                waiting[key].append((number, values))
                if len(waiting[key]) == BATCH:
                    yield pack(entry, part, waiting.pop(key))
            for (template, channel, language), rest in waiting.items():
                entry = self.entries[template]
                yield pack(entry, entry.parts[channel, language], rest)

        outcomes = self.pool.render(prepared())
        for (entry, part, numbers), its in zip(batches, outcomes, strict=True):
            for number, outcome in zip(numbers, its, strict=True):
                answers[number] = (
                    finished(entry, part, outcome)
                    if isinstance(outcome, list)
                    else _failed(entry, part, outcome)
                )
        return answers

    def _unavailable(self, request: Request, entry: Entry | None, part: Part | None) -> Refused:
        if entry is None:
            near = nearest(request.template, self.entries)
            detail = f"no template {request.template!r}{near}"
            return Refused(request.template, request.channel, "no_template", detail)
        if part is None:
            detail = f"{entry.key} has no {request.channel}"
            return Refused(entry.key, request.channel, "no_part", detail)
        detail = f"{entry.key} is a draft; approve it in its template.yml"
        return Refused(entry.key, request.channel, "draft", detail)


def finished(entry: Entry, part: Part, texts: list[str]) -> Rendered | Refused:
    """A message from the engine's texts."""
    content = dict(zip(part.pieces, texts, strict=True))
    size = None
    for name in content:
        if name == "text":
            text = content[name].strip()
            if part.channel == "sms":
                text = sms.plain(text)
                size = sms.size(text).segments
            elif "{%" in part.pieces[name][0]:
                text = _BLANK_LINES.sub("\n\n", text)
            content[name] = text
        elif name != "html":
            content[name] = content[name].strip()
        if not content[name] and name != "preheader":
            return _failed(entry, part, f"{name} is empty")
        if len(content[name]) > LONGEST:
            return _failed(entry, part, f"{name} has more than {LONGEST:,} characters")
    payload = _CANONICAL.encode(
        {
            "template": entry.key,
            "template_version": entry.version,
            "channel": part.channel,
            "language": part.language,
            "content": content,
        }
    )
    return Rendered(entry.key, entry.version, part.channel, part.language, content, payload, size)


def _failed(entry: Entry, part: Part, detail: str) -> Refused:
    reason = "stopped" if detail == STOPPED else "failed"
    return Refused(entry.key, part.channel, reason, detail)


def _engine_faults(entries: Iterable[Entry]) -> list[str]:
    """Sources that pass the border and that the engine would still not take."""
    import minijinja

    environment = minijinja.Environment(pycompat=False, debug=False)
    faults = []
    for entry in entries:
        for (channel, language), part in entry.parts.items():
            for piece, (source, _) in part.pieces.items():
                try:
                    environment.add_template("source", source)
                except minijinja.TemplateError as error:
                    where = entry.found.folder if entry.found else entry.key
                    faults.append(f"{where}:1: {channel} {language} {piece}: {error.message}")
    return faults
