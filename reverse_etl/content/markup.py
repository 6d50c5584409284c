"""MJML to HTML, where merge tags may stand in it, and the text part that follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

INCLUDE = re.compile(r"<mj-include\s+path=\"([a-z0-9_-]+\.mjml)\"\s*/>")
TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_WHOLE_TAG = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
_ENCODED_TAG = re.compile(r"\{\{[^{}]*\|\s*urlencode\s*\}\}")
_ATTRIBUTE_URL = re.compile(r"\b(href|src)=\"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}\"")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LINKING = _words("href src action formaction background poster cite data srcset")
READ_OUT = _words("alt title aria-label")
LINK_BEGINNINGS = ("https://", "mailto:", "tel:", "#")
FORBIDDEN = _words("script iframe object embed form base applet frame frameset link")
VOID = _words("area base br col embed hr img input link meta source track wbr")
DEEPEST = 60
BLOCKS = _words("p div tr table h1 h2 h3 h4 ul ol li section article header footer")

#: Under this name stands a link that is escaped already (`values.escaped`).
ESCAPED = "__href"


class MarkupError(ValueError):
    """Markup that cannot be compiled; ``line`` is the line in the file, where it is known."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Link:
    """A link or image of the compiled HTML, by its literal address or its merge tag."""

    tag: str
    address: str
    alt: str | None


@dataclass
class Markup:
    """Compiled HTML with its merge tags still in it."""

    html: str
    links: list[Link] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def included(source: str, find: Callable[[str], str | None]) -> str:
    """``<mj-include path="footer.mjml"/>`` replaced by what is shared, once. Raises
    :class:`MarkupError`."""

    def replace(match: re.Match[str]) -> str:
        text = find(match[1])
        if text is None:
            line = source.count("\n", 0, match.start()) + 1
            raise MarkupError(f"nothing shared is called {match[1]!r}", line)
        return text.strip()

    done = INCLUDE.sub(replace, source)
    if "<mj-include" in done:
        line = source.count("\n", 0, max(source.find("<mj-include"), 0)) + 1
        raise MarkupError('an include is <mj-include path="name.mjml"/>, of files in _shared', line)
    return done


def compile_mjml(source: str, urls: Collection[str]) -> Markup:
    """MJML as HTML. ``urls`` are the fields that hold links. Raises :class:`MarkupError`.

    ``faults`` of what comes back name the places where a merge tag must not stand.
    """
    import mjml

    depth = _Depth()
    depth.feed(source)
    if depth.deepest > DEEPEST:  # the compiler's stack is not bounded
        raise MarkupError(f"elements are nested deeper than {DEEPEST}", depth.line)
    if depth.unknown:
        name, line = depth.unknown[0]
        raise MarkupError(f"MJML has no <{name}>", line)
    try:
        html = mjml.mjml2html(source, fonts={})
    except ValueError as error:
        raise MarkupError(f"is no MJML: {error}") from error
    found = Markup(html)
    _Places(found, urls).feed(html)
    found.html = _ATTRIBUTE_URL.sub(
        lambda match: f'{match[1]}="{{{{ {match[2]}{ESCAPED}|safe }}}}"', html
    )
    return found


def with_preheader(source: str, preheader: str) -> str:
    """MJML whose head begins with a preview text."""
    preview = f"<mj-preview>{_escaped_outside_tags(preheader.strip())}</mj-preview>"
    if "<mj-head>" in source:
        return source.replace("<mj-head>", f"<mj-head>{preview}", 1)
    return re.sub(r"(<mjml[^>]*>)", rf"\1<mj-head>{preview}</mj-head>", source, count=1)


def to_text(html: str) -> str:
    """The text part of compiled HTML: paragraphs, lists, and links behind their words."""
    writer = _Text()
    writer.feed(html)
    lines = [" ".join(line.split()) for line in "".join(writer.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _escaped_outside_tags(text: str) -> str:
    parts, end = [], 0
    for match in TAG.finditer(text):
        parts += [escape(text[end : match.start()], quote=False), match[0]]
        end = match.end()
    return "".join([*parts, escape(text[end:], quote=False)])


class _Depth(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = self.deepest = 0
        self.line = 1
        self.unknown: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag)
        if tag not in VOID:
            self.open += 1
            if self.open > self.deepest:
                self.deepest, self.line = self.open, self.getpos()[0]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag)

    def handle_endtag(self, tag: str) -> None:
        self.open -= tag not in VOID

    def _look(self, tag: str) -> None:
        if tag.startswith("mj") and tag not in ELEMENTS:
            self.unknown.append((tag, self.getpos()[0]))


#: The compiler drops an element it does not know without a word.
ELEMENTS = _words(
    "mjml mj-head mj-body mj-title mj-preview mj-attributes mj-all mj-class mj-style mj-font mj- "
    "breakpoint mj-section mj-column mj-group mj-wrapper mj-text mj-button mj-image mj-divider "
    "mj-spacer mj-table mj-raw mj-hero mj-navbar mj-navbar-link mj-social mj-social-element mj- "
    "accordion mj-accordion-element mj-accordion-title mj-accordion-text mj-carousel mj-carousel- "
    "image"
)


class _Places(HTMLParser):
    """Looks at each place a merge tag stands in, and collects links."""

    def __init__(self, found: Markup, urls: Collection[str]) -> None:
        super().__init__()
        self.found, self.urls = found, urls
        self.raw: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN:
            self._fault(f"<{tag}> has no place in a message")
        self.raw = tag if tag == "style" else None
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if "{{" in name or "{%" in name:
                self._fault(f"a merge tag among the attributes of <{tag}>")
            elif name.startswith("on"):
                self._fault(f"<{tag}> has {name}=: a message runs no script")
            elif name in LINKING:
                self._link(tag, name, value)
            elif ("{{" in value and name not in READ_OUT) or "{%" in value or "{#" in value:
                self._fault(f"a merge tag in {name}= of <{tag}>")
        address = values.get("src") if tag == "img" else values.get("href")
        if address is not None:
            self.found.links.append(Link(tag, address, values.get("alt")))

    def handle_endtag(self, tag: str) -> None:
        self.raw = None

    def handle_data(self, data: str) -> None:
        if self.raw and TAG.search(data):
            self._fault(f"a merge tag in <{self.raw}>")

    def handle_comment(self, data: str) -> None:
        if data.startswith("[if"):  # what Outlook reads
            inner = _Places(self.found, self.urls)
            inner.feed(data.partition("]>")[2].removesuffix("<![endif]"))
        elif TAG.search(data):
            self._fault("a merge tag in a comment")

    def _link(self, tag: str, name: str, value: str) -> None:
        whole = _WHOLE_TAG.fullmatch(value)
        if whole:
            if whole[1] not in self.urls:
                self._fault(f"{name}= of <{tag}> is filled by {whole[1]}, which is not kind: url")
            elif name not in ("href", "src"):
                self._fault(f"a merge tag in {name}= of <{tag}>")
            return
        tags = TAG.findall(value)
        if tags and not value.startswith("https://"):
            self._fault(f"{name}={value!r}: a link is one merge tag, or begins with https://")
        elif any(not _ENCODED_TAG.fullmatch(part) for part in tags):
            self._fault(f"{name}={value!r}: in a link a merge tag ends in |urlencode")
        elif tags and "/" not in value.removeprefix("https://").partition("{{")[0]:
            self._fault(f"{name}={value!r}: no merge tag before the end of the host")
        elif not tags and value and not value.lower().startswith(LINK_BEGINNINGS):
            self._fault(f"{name}={value!r}: a link begins with https://, mailto: or tel:")

    def _fault(self, text: str) -> None:
        if text not in self.found.faults:
            self.found.faults.append(text)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden: list[str] = []
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        hides = tag in ("head", "style") or "display:none" in (values.get("style") or "")
        if self.hidden or (hides and tag not in VOID):
            if tag not in VOID:
                self.hidden.append(tag)
            return
        if tag == "br":
            self.parts.append("\n")
        elif tag in BLOCKS:
            self.parts.append("\n\n" if tag in ("p", "h1", "h2", "h3", "h4", "tr") else "\n")
            if tag == "li":
                self.parts.append("- ")
        elif tag == "a":
            self.links.append((values.get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            self.hidden.pop()
            return
        if tag == "a" and self.links:
            address, start = self.links.pop()
            words = "".join(self.parts[start:]).strip()
            if not words:
                del self.parts[start:]  # a picture that is a link says nothing here
            elif address and address not in (words, f"mailto:{words}", f"tel:{words}"):
                self.parts.append(f" ({address.removeprefix('mailto:')})")
        elif tag in BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(" ".join(data.split("\n")))
