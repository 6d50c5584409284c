"""What is wrong with a template besides its form: what would not arrive, or should not be sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from reverse_etl.content import sms
from reverse_etl.content.library import Entry, Library, Refused, Rendered, Request
from reverse_etl.content.markup import TAG, to_text
from reverse_etl.content.parts import Part
from reverse_etl.content.preview import samples
from workspace.definitions.templates import ENDED_BY_UNSUBSCRIBING, Rules, load_shared_fields

ERROR, WARNING = "error", "warning"
_FILE = {"email": "email.mjml", "landing": "landing.mjml", "sms": "sms.txt", "push": "push.yml"}
_LEAST_TEXT = 20


@dataclass(frozen=True)
class Finding:
    """One fault of a template. ``error`` means: do not send it so."""

    path: Path
    line: int
    severity: str
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.text} [{self.rule}]"


def lint(
    library: Library, rules: Rules, hosts: Collection[str], keys: Collection[str] | None = None
) -> list[Finding]:
    """Findings of all templates, or of these. ``hosts`` may be linked to, besides the rules' own.

    Sizes are those of the message with made-up values.
    """
    entries = [e for e in library.entries.values() if e.found and (keys is None or e.key in keys)]
    requests = [
        Request(entry.key, channel, language, samples(library, entry.key))
        for entry in entries
        for channel, language in sorted(entry.parts)
    ]
    answers = iter(library.render(requests, drafts=True))
    known = {*hosts, *rules.hosts}
    found: list[Finding] = []
    for entry in entries:
        found += _unused(entry)
        for (channel, _), part in sorted(entry.parts.items()):
            look = _Part(entry, part, next(answers), rules, known)
            found += getattr(look, channel)()
    return found


def _unused(entry: Entry) -> Iterator[Finding]:
    assert entry.found is not None
    path = entry.found.folder / "template.yml"
    shared = load_shared_fields(path.parents[2])
    for name in (*entry.template.fields, *entry.template.blocks):
        if name not in entry.found.used and name not in shared:
            line = _line_of(path, f"{name}:")
            yield Finding(path, line, WARNING, "unused", f"{name} is declared and not used")


class _Part:
    def __init__(
        self, entry: Entry, part: Part, answer: Rendered | Refused, rules: Rules, hosts: set[str]
    ) -> None:
        assert entry.found is not None
        self.entry, self.part, self.rules, self.hosts = entry, part, rules, hosts
        self.message = answer if isinstance(answer, Rendered) else None
        self.refused = answer if isinstance(answer, Refused) else None
        self.folder = entry.found.folder / part.language
        self.links = entry.found.links.get((part.channel, part.language), [])
        self.is_ended = entry.template.class_ in ENDED_BY_UNSUBSCRIBING

    def email(self) -> Iterator[Finding]:
        yield from self._renders()
        if self.is_ended:
            for source, rule, what in (
                ("message.unsubscribe_url", "unsubscribe", "no link to unsubscribe"),
                ("sender.postal_address", "postal_address", "no postal address"),
            ):
                for piece, name in (("html", "email.mjml"), ("text", "email.txt")):
                    if not self._stands(source, piece):
                        where = self.folder / name
                        yield self._found(
                            where if where.exists() else self._file, 1, ERROR, rule, what
                        )
        yield from self._page()
        subject = self.folder / "subject.txt"
        if self.message and len(self.message.subject or "") > self.rules.max_subject_characters:
            text = f"{len(self.message.subject or '')} characters; mail programs show about "
            text += str(self.rules.max_subject_characters)
            yield self._found(subject, 1, WARNING, "subject", text)
        preheader = self.message.preheader if self.message else None
        if "preheader" not in self.part.pieces:
            text = "no preheader.txt: mail programs show the first words instead"
            yield self._found(self._file, 1, WARNING, "preheader", text)
        elif len(preheader or "") > self.rules.max_preheader_characters:
            text = f"longer than {self.rules.max_preheader_characters} characters"
            yield self._found(self.folder / "preheader.txt", 1, WARNING, "preheader", text)
        if self.message and len(self.message.text or "") < _LEAST_TEXT:
            yield self._found(self._file, 1, ERROR, "text", "the text part says next to nothing")
        yield from self._phrases("subject.txt", "preheader.txt", "email.mjml", "email.txt")

    def landing(self) -> Iterator[Finding]:
        yield from self._renders()
        yield from self._page()
        yield from self._phrases("landing.mjml")

    def sms(self) -> Iterator[Finding]:
        yield from self._renders()
        source = self.part.pieces["text"][0]
        if self.is_ended and not (
            self._stands("sender.sms_stop", "text") or re.search(r"\bSTOP\b", source)
        ):
            yield self._found(self._file, 1, ERROR, "unsubscribe", "does not say how to end them")
        literal = sms.plain(TAG.sub("", source))
        outside = sorted(set(literal) - sms.GSM_7 - sms.EXTENSION)
        if outside:
            text = f"{' '.join(outside)} halve what a segment holds"
            line = source.count("\n", 0, source.find(outside[0])) + 1
            yield self._found(self._file, line, WARNING, "encoding", text)
        size = self.message.segments if self.message else None
        if size is not None and size > self.rules.max_sms_segments:
            yield self._found(self._file, 1, WARNING, "segments", f"takes {size} segments")
        yield from self._phrases("sms.txt")

    def push(self) -> Iterator[Finding]:
        yield from self._renders()
        content = self.message.content if self.message else {}
        for piece, most in (
            ("title", self.rules.max_push_title_characters),
            ("body", self.rules.max_push_body_characters),
        ):
            if len(content.get(piece, "")) > most:
                text = f"{piece} is longer than {most} characters"
                line = _line_of(self._file, f"{piece}:")
                yield self._found(self._file, line, WARNING, piece, text)
        yield from self._phrases("push.yml")

    def _renders(self) -> Iterator[Finding]:
        if self.refused is not None:
            yield self._found(self._file, 1, ERROR, "renders", self.refused.detail)

    def _page(self) -> Iterator[Finding]:
        size = len((self.message.html or "").encode()) if self.message else 0
        if size > self.rules.max_html_bytes:
            text = f"{size:,} bytes of HTML; Gmail cuts off behind {self.rules.max_html_bytes:,}"
            yield self._found(self._file, 1, ERROR, "size", text)
        for link in self.links:
            line = _line_of(self._file, link.address)
            if link.tag == "img" and link.alt is None:
                yield self._found(self._file, line, ERROR, "alt", f"no alt= of {link.address}")
            host = urlsplit(TAG.sub("", link.address)).hostname
            if link.tag != "img" and host and host not in self.hosts:
                text = f"links to {host}, which is in neither verticals.yml nor template_rules.yml"
                yield self._found(self._file, line, ERROR, "host", text)

    def _phrases(self, *names: str) -> Iterator[Finding]:
        for phrase in self.rules.spam_phrases.get(self.part.language[:2], []):
            wanted = re.compile(rf"(?<!\w){re.escape(_folded(phrase))}(?!\w)")
            for name in names:
                path = self.folder / name
                if not path.exists():
                    continue
                for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                    words = " ".join(to_text(line).split()) if name.endswith(".mjml") else line
                    if wanted.search(_folded(words)):
                        text = f"filters look for {phrase!r}"
                        yield self._found(path, number, WARNING, "spam", text)

    def _stands(self, source: str, piece: str) -> bool:
        """Whether a field from this source is read in a piece, outside of any condition."""
        text, is_html = self.part.pieces[piece]
        names = [need.name for need in self.part.needs if need.source == source]
        if is_html:
            text = _visible(text)
        text = re.sub(r"\{%-?\s*if\b.*?\{%-?\s*endif\s*-?%\}", "", text, flags=re.DOTALL)
        return any(re.search(rf"\{{\{{-?\s*{name}(?:__href)?\b", text) for name in names)

    @property
    def _file(self) -> Path:
        return self.folder / _FILE[self.part.channel]

    def _found(self, path: Path, line: int, severity: str, rule: str, text: str) -> Finding:
        return Finding(path, line, severity, rule, text)


class _Visible(HTMLParser):
    """Text and links that can be seen: no comments, nothing hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("br", "img", "meta", "input", "hr", "col", "link", "wbr"):
            return
        if self.hidden or "display:none" in (values.get("style") or "").replace(" ", ""):
            self.hidden += 1
        elif tag == "a":
            self.parts.append(values.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= self.hidden > 0

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def _visible(html: str) -> str:
    parser = _Visible()
    parser.feed(html)
    return "\n".join(parser.parts)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(plain.replace("’", "'").replace("\u00a0", " ").split())


def _line_of(path: Path, text: str) -> int:
    """The first line that holds a text; 1 where it comes from elsewhere."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    plain = text.replace("&", "&amp;")
    return next((n for n, line in enumerate(lines, 1) if text in line or plain in line), 1)
