"""What every page has at hand: the workspace, its definitions as the files stand, the form that
came, and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from interfaces.desk import pages
from interfaces.desk.sessions import Keys, Right, Session
from reverse_etl.content.library import Library
from workspace import decisions, definitions
from workspace.decisions import Said
from workspace.definitions import Definitions
from workspace.lake import Lake
from workspace.settings import Settings

PATH = "/control-room/desk"
Form = Mapping[str, bytes]


class Refusal(Exception):
    """What is not done, and why; ``text`` is for people."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Ask:
    """A request of somebody who signed in. ``rest`` are the parts of the path behind the page's own
    name, ``form`` is empty for GET."""

    session: Session
    rest: tuple[str, ...]
    query: Mapping[str, str]
    form: Form = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field of the form, without blanks around it; empty where it is missing."""
        try:
            return self.form.get(name, b"").decode().strip()
        except UnicodeDecodeError:
            raise Refusal(422, f"{name}: text in UTF-8 is wanted") from None

    def needs(self, right: Right) -> None:
        """Raises :class:`Refusal` where the role may not."""
        if not self.session.may(right):
            raise Refusal(403, f"A {self.session.role} may not {right.value}.")

    def said(self, reason: str | None = None) -> Said:
        """Who decides by this form. Raises `audit.Refused`."""
        return decisions.said(self.session.name, reason)


@dataclass(frozen=True)
class Answer:
    """Status, body and headers besides those of every page."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_frame: bool = False


def to(path: str) -> Answer:
    """Go on to another page of the desk, by GET."""
    return Answer(303, headers={"location": f"{PATH}/{path}"})


class Office:
    """The workspace as a page needs it. Definitions are read again when a file changed."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self.settings, self.keys = settings, keys
        self.lake = Lake(settings.paths.lake)
        self._lock = Lock()
        self._read: tuple[Any, Definitions] | None = None

    def definitions(self, is_fresh: bool = False) -> Definitions:
        """The definitions as the files stand; ``is_fresh`` reads them in any case. Raises
        :class:`~workspace.definitions.DefinitionError`."""
        folder = self.settings.definitions
        stamp = None if is_fresh else _stamp(folder)
        with self._lock:
            if is_fresh or self._read is None or self._read[0] != stamp:
                self._read = (_stamp(folder), definitions.load(folder))
            return self._read[1]

    @contextmanager
    def library(self) -> Iterator[Library]:
        """The templates as the files stand."""
        with Library.load(self.settings.definitions) as library:
            yield library

    def page(self, ask: Ask, template: str, title: str, status: int = 200, **values: Any) -> Answer:
        """A page for somebody who signed in."""
        session = ask.session
        body = pages.draw(
            template,
            title=title,
            path=PATH,
            name=session.name,
            role=session.role,
            token=self.keys.form_token(session),
            may={right.name.lower(): session.may(right) for right in Right},
            **values,
        )
        return Answer(status, body)


def _stamp(folder: Any) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            known = path.stat()
            found.append((str(path), known.st_mtime_ns, known.st_size))
    return tuple(found)
