"""Who is at the desk: keys with roles, a session in a cookie, and the proof that a form is its own.

A cookie is sealed with the workspace's keys (`workspace.tokens`). It names its key by a keyed hash,
so that a key that is taken out of the settings ends its sessions, and nothing of the key is in it.
"""

from __future__ import annotations

import hmac
import math
import secrets
import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from workspace import tokens
from workspace.identifiers import Keyring
from workspace.ledger import audit
from workspace.limiter import Limiter
from workspace.settings import ReadKey

#: A session ends so long after it was last used, and after it began.
IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=8)
#: A cookie is made anew when it is older.
RENEWED = timedelta(minutes=1)
#: Tries of one address at once, and in a second then; and of all of them in one worker.
TRIES, TRIES_PER_SECOND = 10, 1 / 6
ALL_TRIES, ALL_TRIES_PER_SECOND = 100, 2.0

_USE, _FORM, _FRAME = "desk", "desk form", "desk frame"
_BODY = struct.Struct(">16s16sqq")
_EPOCH = datetime(1970, 1, 1)
_ADDRESSES = 1_000
_LONGEST_FRAME = 1_000


class Right(StrEnum):
    """What a page or form is for."""

    PREVIEW = "preview messages"
    PLAN = "see what waits for approval"
    ENROL = "enrol contacts"
    PAUSE = "pause a campaign or journey"
    DECIDE = "approve, reject or withdraw"
    RESUME = "resume what is held back"
    STOP_ALL = "stop everything"


_MARKETER = frozenset({Right.PREVIEW, Right.PLAN, Right.ENROL, Right.PAUSE})
ROLES: dict[str, frozenset[Right]] = {"marketer": _MARKETER, "approver": frozenset(Right)}


class TooMany(Exception):
    """Too many tries; ``wait`` is in whole seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = math.ceil(wait)


@dataclass(frozen=True)
class Session:
    """Somebody who signed in. Times are naive UTC; ``mark`` is the keyed hash of the key."""

    name: str
    role: str
    mark: bytes
    nonce: bytes
    began_at: datetime
    used_at: datetime

    def may(self, right: Right) -> bool:
        return right in ROLES[self.role]


class Keys:
    """The keys whose roles may do something here."""

    def __init__(
        self,
        keys: Sequence[ReadKey],
        keyring: Keyring,
        clock: Callable[[], datetime],
        limiter: Callable[[int, float], Limiter] = lambda n, rate: Limiter(rate, n),
    ) -> None:
        self._keyring, self._clock, self._limiter = keyring, clock, limiter
        self._known = [(one, self._mark(one.key)) for one in keys]
        self._all = limiter(ALL_TRIES, ALL_TRIES_PER_SECOND)
        self._tries: OrderedDict[str, Limiter] = OrderedDict()

    @property
    def can_write(self) -> bool:
        """Whether any key's role may do anything here."""
        return any(one.role in ROLES for one, _ in self._known)

    def sign_in(self, given: str, client: str) -> ReadKey | None:
        """The key that was given, whatever its role. Raises :class:`TooMany`.

        Every key is compared, by its keyed hash, so that the time says nothing.
        """
        self._count(client)
        mark, found = self._mark(given), None
        for one, known in self._known:
            if hmac.compare_digest(mark, known):
                found = one
        return found

    def begin(self, key: ReadKey) -> Session:
        """A session of a key. Raises `audit.Refused` where its name may stand in no record."""
        audit.check(actor=key.name)
        at = self._now()
        return Session(key.name, key.role, self._mark(key.key), secrets.token_bytes(16), at, at)

    def cookie(self, session: Session) -> str:
        """The text of a session's cookie."""
        times = [
            (at - _EPOCH) // timedelta(seconds=1) for at in (session.began_at, session.used_at)
        ]
        return tokens.seal(self._keyring, _USE, _BODY.pack(session.mark, session.nonce, *times))

    def of_cookie(self, text: str) -> tuple[Session, bool] | None:
        """The session of a cookie, and whether the cookie is to be made anew; None for one that
        has ended, or is none of ours."""
        body = tokens.unseal(self._keyring, _USE, text, _BODY.size)
        if body is None or len(body) != _BODY.size:
            return None
        mark, nonce, *seconds = _BODY.unpack(body)
        began, used = (_EPOCH + timedelta(seconds=one) for one in seconds)
        now, key = self._now(), None
        for one, known in self._known:
            if hmac.compare_digest(mark, known) and one.role in ROLES:
                key = one
        if key is None or not (used <= now < used + IDLE and now < began + LONGEST):
            return None
        session = Session(key.name, key.role, mark, nonce, began, used)
        is_old = now >= used + RENEWED
        return (replace(session, used_at=now) if is_old else session), is_old

    def form_token(self, session: Session) -> str:
        """What every form of a session carries."""
        return tokens.seal(self._keyring, _FORM, session.nonce)

    def is_own(self, session: Session, token: str) -> bool:
        """Whether a form's token is that of the session."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())

    def frame(self, session: Session, body: bytes) -> str:
        """What a frame shows, for this session only."""
        return tokens.seal(self._keyring, _FRAME, session.nonce + body)

    def of_frame(self, session: Session, text: str) -> bytes | None:
        """What was given to :meth:`frame` of the same session."""
        found = tokens.unseal(self._keyring, _FRAME, text, _LONGEST_FRAME)
        if found is None or not hmac.compare_digest(found[:16], session.nonce):
            return None
        return found[16:]

    def _count(self, client: str) -> None:
        own = self._tries.pop(client, None) or self._limiter(TRIES, TRIES_PER_SECOND)
        self._tries[client] = own
        while len(self._tries) > _ADDRESSES:
            self._tries.popitem(last=False)
        wait = own.missing() or self._all.missing()
        if wait:
            raise TooMany(wait)

    def _mark(self, key: str) -> bytes:
        return bytes.fromhex(self._keyring.seal(f"desk key:{key}"))[:16]

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)
