"""An SMTP server that takes submissions, on aiosmtpd (installed for tests only)."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.servers.base import SECRET
from sandbox.servers.messaging import Desk, Fate, Trouble

USER = "marketing"
_SAID = {
    Trouble.THROTTLED: "451 4.7.1 Come again later",
    Trouble.DENIED: "530 5.7.0 Authentication required",
    Trouble.PERMANENT: "554 5.6.0 This content is not accepted",
}


class Handler:
    """What becomes of each command. Of the troubles DENIED meets MAIL FROM, others the message."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        troubles = self.desk.troubles
        if troubles and troubles[0] is Trouble.DENIED:
            troubles.popleft()
            return _SAID[Trouble.DENIED]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fate = self.desk.fate(address)
        if fate is Fate.INVALID:
            return f"550 5.1.1 <{address}>: no such user"
        if fate is Fate.SUPPRESSED:
            return f"554 5.7.1 <{address}>: refused"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        desk, body = self.desk, bytes(envelope.content or b"")
        desk.posts.append(body)
        trouble = desk.troubles.popleft() if desk.troubles else None
        if trouble in _SAID:
            return _SAID[trouble]
        ident = message_from_bytes(body)["Message-ID"]
        for address in envelope.rcpt_tos:
            desk.take(ident, ident.strip("<>").partition("@")[0], address, body)
        if trouble is not None:
            await self._spoil(server, trouble)
        return "250 2.0.0 taken"

    async def _spoil(self, server: SMTP, trouble: Trouble) -> None:
        if trouble is Trouble.HANG:
            await asyncio.Event().wait()
        if trouble is Trouble.TRUNCATED:
            server.transport.write(b"25")
            server.transport.close()
        elif trouble is Trouble.EMPTY:
            server.transport.close()
        else:
            server.transport.abort()


@contextmanager
def serving(
    desk: Desk, context: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[int]:
    """A server in a thread; gives its port. With ``context`` it insists on STARTTLS, with
    ``login`` on :data:`USER` and the stand-ins' secret."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data == LoginPassword(
            USER.encode(), SECRET.encode()
        )
        return AuthResult(success=right, handled=False)

    def session() -> SMTP:
        return SMTP(
            Handler(desk),
            hostname="stand-in.example",
            tls_context=context,
            require_starttls=context is not None,
            auth_required=login,
            auth_require_tls=context is not None,
            authenticator=check if login else None,
            loop=loop,
        )

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(loop.create_server(session, sock=listener))
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
