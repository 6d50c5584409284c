"""Reading a template's folder: `templates/<name>/<language>/…` into parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import Field

from reverse_etl.content import markup
from reverse_etl.content.assets import Asset
from reverse_etl.content.language import Reading, read_source
from reverse_etl.content.markup import Link, Markup, MarkupError
from reverse_etl.content.parts import LINES, Need, Part
from reverse_etl.content.values import BadValue, check_line, written
from workspace.definitions.reading import DefinitionError, Strict, nearest, read
from workspace.definitions.templates import Sender, Template

FILES = {
    "email": ("email.mjml", "subject.txt", "preheader.txt", "email.txt"),
    "sms": ("sms.txt",),
    "push": ("push.yml",),
    "landing": ("landing.mjml",),
}
OPTIONAL = ("preheader.txt", "email.txt")
SHARED = "_shared"
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
_ASSET = re.compile(r"\basset:([A-Za-z0-9._-]+)")


class Push(Strict):
    """`push.yml`."""

    title: str = Field(min_length=1, pattern=r"^[^\r\n]*$")
    body: str = Field(min_length=1)
    link: str = ""


@dataclass
class Found:
    """A template as its files say it."""

    key: str
    folder: Path
    template: Template
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    links: dict[tuple[str, str], list[Link]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    derived: set[tuple[str, str]] = field(default_factory=set)  # parts whose text was derived


@lru_cache(maxsize=1024)
def _compiled(source: str, urls: tuple[str, ...]) -> Markup:
    return markup.compile_mjml(source, urls)


def read_template(
    key: str, folder: Path, template: Template, sender: Sender, assets: Mapping[str, Asset]
) -> Found:
    """All parts of a template. Raises :class:`DefinitionError`."""
    return _Reader(key, folder, template, sender, assets).read()


class _Reader:
    def __init__(
        self,
        key: str,
        folder: Path,
        template: Template,
        sender: Sender,
        assets: Mapping[str, Asset],
    ) -> None:
        self.found = Found(key, folder, template)
        self.folder, self.template, self.sender, self.assets = folder, template, sender, assets
        self.urls = tuple(
            sorted(name for name, given in template.fields.items() if given.kind == "url")
        )
        self.faults: list[str] = []

    def read(self) -> Found:
        languages = sorted(path.name for path in self.folder.iterdir() if path.is_dir())
        for language in languages:
            if not _LANGUAGE.fullmatch(language):
                self._fault(self.folder / language, 1, "a folder is a language: fr, en, fr-CA")
        if self.template.language not in languages:
            self._fault(
                self.folder / "template.yml", 1, f"no folder {self.template.language}/ beside it"
            )
        for language in languages:
            self._language(language)
        if self.faults:
            raise DefinitionError(self.faults)
        return self.found

    def _language(self, language: str) -> None:
        folder = self.folder / language
        present = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        expected = {name for channel in self.template.channels for name in FILES[channel]}
        for name in sorted(present - expected):
            near = nearest(name, expected)
            self._fault(folder / name, 1, f"is no file of its channels{near}")
        for channel in self.template.channels:
            missing = [name for name in FILES[channel] if name not in {*present, *OPTIONAL}]
            if missing and len(missing) == sum(name not in OPTIONAL for name in FILES[channel]):
                if language == self.template.language:
                    self._fault(folder / missing[0], 1, f"is missing: {channel} is a channel of it")
                continue  # another language of the chain has it
            for name in missing:
                self._fault(folder / name, 1, "is missing")
            if not missing:
                self._part(channel, language, folder, present)

    def _part(self, channel: str, language: str, folder: Path, present: set[str]) -> None:
        names: dict[str, set[str]] = {}  # field or block -> the pieces it stands in
        pieces: dict[str, tuple[str, bool]] = {}
        key = (channel, language)
        if channel == "push":
            try:
                push = read(folder / "push.yml", Push)
            except DefinitionError as error:
                self.faults += error.faults
                return
            for piece in ("title", "body", "link"):
                source = getattr(push, piece).strip()
                self._source(folder / "push.yml", source, piece, names, as_value=True)
                if source:
                    pieces[piece] = (source, False)
            for fault in _link_faults(push.link, self.urls):
                self._fault(folder / "push.yml", 1, f"link: {fault}")
        elif channel == "sms":
            source = self._text(folder / "sms.txt").strip()
            self._source(folder / "sms.txt", source, "text", names)
            pieces["text"] = (source, False)
        else:
            mjml = folder / f"{channel}.mjml"
            source = self._mjml(mjml, language, names)
            if channel == "email":
                for piece in ("subject", "preheader"):
                    path = folder / f"{piece}.txt"
                    if path.name in present:
                        line = self._text(path).strip()
                        if "\n" in line:
                            self._fault(path, 2, "is one line")
                        self._source(path, line, piece, names)
                        pieces[piece] = (line, False)
                if "preheader" in pieces:
                    source = markup.with_preheader(source, pieces["preheader"][0])
            try:
                compiled = _compiled(source, self.urls)
            except MarkupError as error:
                self._fault(mjml, error.line, str(error))
                return
            for fault in compiled.faults:
                self._fault(mjml, 1, fault)
            pieces["html"] = (compiled.html, True)
            self.found.links[key] = compiled.links
            if channel == "email":
                if "email.txt" in present:
                    text = self._text(folder / "email.txt")
                    self._source(folder / "email.txt", text, "text", names)
                else:
                    text = markup.to_text(_unescaped(compiled.html))
                    self.found.derived.add(key)
                pieces["text"] = (text.strip() + "\n", False)
        self.found.used |= set(names)
        self.found.parts[key] = Part(
            channel,
            language,
            pieces,
            tuple(self._needs(names, language, channel)),
            tuple(
                (name, tuple(self.template.blocks[name]))
                for name in sorted(names)
                if name in self.template.blocks
            ),
            tuple(self._deciding(names)),
        )

    def _mjml(self, path: Path, language: str, names: dict[str, set[str]]) -> str:
        source = self._text(path)
        self._source(path, source, "html", names)

        def shared(name: str) -> str | None:
            for folder in dict.fromkeys((language, language[:2], self.template.language, ".")):
                found = self.folder.parent / SHARED / folder / name
                if found.is_file():
                    text = self._text(found)
                    self._source(found, text, "html", names)
                    return text
            return None

        try:
            source = markup.included(source, shared)
        except MarkupError as error:
            self._fault(path, error.line, str(error))
        return self._with_assets(path, source)

    def _with_assets(self, path: Path, source: str) -> str:
        def address(match: re.Match[str]) -> str:
            asset = self.assets.get(match[1])
            if asset is None:
                line = source.count("\n", 0, match.start()) + 1
                near = nearest(match[1], self.assets)
                self._fault(path, line, f"no asset {match[1]!r} in marketing/assets{near}")
                return match[0]
            return f"{self.sender.assets_url.rstrip('/')}/{asset.published_name}"

        return _ASSET.sub(address, source)

    def _source(
        self,
        path: Path,
        text: str,
        piece: str,
        names: dict[str, set[str]],
        as_value: bool = False,
    ) -> Reading:
        """Note what a source names. ``as_value``: it is a value of a YAML file, of one line."""
        reading = read_source(text)
        prefix = f"{piece}: " if as_value else ""
        for line, fault in reading.faults:
            self._fault(path, 1 if as_value else line, prefix + fault)
        known = [*self.template.fields, *self.template.blocks]
        for name, line in reading.names.items():
            if name not in known:
                fault = f"{prefix}no field {name!r} in template.yml{nearest(name, known)}"
                self._fault(path, 1 if as_value else line, fault)
            else:
                names.setdefault(name, set()).add(piece)
        return reading

    def _needs(self, names: Mapping[str, set[str]], language: str, channel: str) -> Iterator[Need]:
        constants = self.sender.values
        for name in sorted(names):
            given = self.template.fields.get(name)
            if given is None:
                continue
            constant = constants.get(given.from_)
            fallback = constant if constant is not None else given.fallback_in(language)
            in_line = bool(names[name] & LINES)
            try:
                written(fallback, "url" if given.kind == "url" else "text", language)
                if in_line and fallback:
                    check_line(fallback)
            except BadValue as error:
                fault = f"fields.{name}.fallback: {error}"
                self._fault(self.folder / "template.yml", 1, fault)
            yield Need(
                name=name,
                source=given.from_,
                kind=given.kind,
                decimals=given.decimals,
                fallback=fallback,
                is_constant=constant is not None,
                in_line=in_line,
                in_html_link=given.kind == "url" and "html" in names[name],
            )

    def _deciding(self, names: Mapping[str, set[str]]) -> Iterator[Need]:
        asked = {
            variant.field
            for name in names
            for variant in self.template.blocks.get(name, ())
            if variant.field is not None
        }
        self.found.used |= asked
        for name in sorted(asked):
            yield Need(name, self.template.fields[name].from_, fallback="")

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._fault(path, 1, f"cannot be read: {error}")
            return ""

    def _fault(self, path: Path, line: int, text: str) -> None:
        fault = f"{path}:{line}: {text}"
        if fault not in self.faults:
            self.faults.append(fault)


def _link_faults(link: str, urls: tuple[str, ...]) -> list[str]:
    found = Markup("")
    markup._Places(found, urls)._link("link", "href", link.strip())
    return found.faults


def _unescaped(html: str) -> str:
    """Compiled HTML whose links are the fields themselves: in text nothing is escaped."""
    return re.sub(r"\{\{ (\w+)" + markup.ESCAPED + r"\|safe \}\}", r"{{ \1 }}", html)
