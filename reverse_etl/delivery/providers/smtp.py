"""Any SMTP server that takes submissions (RFC 6409): one message a transaction.

Nothing is retried, and connections are kept for the next message. Until a message's own bytes are
sent nothing can have been taken; when they are sent and the answer is lost, nobody knows. Other
computers are spoken to with TLS only. The server signs with DKIM, which has to cover
List-Unsubscribe and List-Unsubscribe-Post (RFC 8058).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

import aiosmtplib

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import CONNECT_SECONDS, Transport
from workspace.tls import client_context

NAME = "smtp"
CAPABILITIES = Capabilities(channel="email", max_bytes=10_000_000, headers=True, reply_to=True)
SECRETS = ("MARKETING_SMTP_HOST",)
#: ``…_TLS``: ``starttls`` (the default, 587), ``tls`` from the first byte (465) or, on this
#: machine only, ``none`` (25). ``…_CA_FILE``: whom to trust instead of the system's authorities.
VARIABLES = (
    *("MARKETING_SMTP_PORT", "MARKETING_SMTP_USER", "MARKETING_SMTP_PASSWORD"),
    *("MARKETING_SMTP_TLS", "MARKETING_SMTP_CA_FILE"),
)
OPTIONS: tuple[str, ...] = ()

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
#: Servers think about a message for longer than about a command (RFC 5321, 4.5.3.2.6).
_DATA_TIMES = 10
#: A connection that was idle for longer is asked whether it is still there.
_FRESH_SECONDS = 5.0
_LOST = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError, TimeoutError)
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
#: It closes the connection, or is asked too fast.
_BUSY = frozenset({421, 454})
#: Log in (with TLS, a stronger one, the right one) first.
_LOGIN = frozenset({530, 534, 535, 538})
#: No such mailbox, no such domain, bad syntax, moved, no mail here; and no route to the domain.
_NOBODY = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})


@dataclass(frozen=True)
class Server:
    """Where and how: ``tls`` is ``starttls``, ``tls`` or ``none``."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:  # the host and the password stay out of logs
        return f"Server({self.tls})"


class Smtp:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, server: Server, answer_seconds: float) -> None:
        self._server, self._seconds = server, answer_seconds
        self._idle: deque[tuple[float, aiosmtplib.SMTP]] = deque()

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        body = mail.build(message)
        if len(body) > self.capabilities.max_bytes:
            raise Unsupported("larger than servers take")
        return body

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        try:
            client = await self._connection()
        except aiosmtplib.SMTPResponseException as error:
            return _greeting(error.code, error.message)
        except _LOST as error:
            return Outcome(Kind.UNREACHABLE, type(error).__name__)
        except aiosmtplib.SMTPException as error:
            # It offers no TLS, or no login that we know.
            return Outcome(Kind.DENIED, type(error).__name__)
        outcome = None
        try:
            outcome = await self._transaction(client, item)
        finally:
            # Whatever else happened, a half-finished transaction is nobody's to continue.
            if outcome is not None and outcome.kind is Kind.ACCEPTED and client.is_connected:
                self._idle.append((asyncio.get_running_loop().time(), client))
            else:
                client.close()
        return outcome

    async def _transaction(self, client: aiosmtplib.SMTP, item: Item) -> Outcome:
        message, body = item
        size = [f"SIZE={len(body)}"] if client.supports_extension("size") else []
        try:
            await client.mail(mail.ascii_address(message.sender), options=size)
            await client.rcpt(mail.ascii_address(message.destination))
        except aiosmtplib.SMTPSenderRefused as error:
            return _sender(error.code, error.message)
        except aiosmtplib.SMTPResponseException as error:
            return _recipient(error.code, error.message)
        except (aiosmtplib.SMTPException, *_LOST) as error:
            return Outcome(Kind.UNREACHABLE, type(error).__name__)
        try:
            answer = await client.data(body, timeout=self._seconds * _DATA_TIMES)
        except aiosmtplib.SMTPResponseException as error:
            return _data(error.code, error.message)
        except (aiosmtplib.SMTPException, *_LOST) as error:
            return Outcome(Kind.AMBIGUOUS, type(error).__name__)
        return Outcome(Kind.ACCEPTED, str(answer.code), mail.message_id(message))

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            since, client = self._idle.pop()
            if not client.is_connected:
                continue
            if asyncio.get_running_loop().time() - since < _FRESH_SECONDS:
                return client
            try:
                await client.noop()
                return client
            except (aiosmtplib.SMTPException, *_LOST):
                client.close()
        return await self._connect()

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        context = client_context(server.ca_file)
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            tls_context=context if server.tls != "none" else None,
            username=server.user,
            password=server.password,
            timeout=min(self._seconds, CONNECT_SECONDS),
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        client.timeout = self._seconds
        return client

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        """SMTP has no question for it."""
        raise OSError("an SMTP server cannot be asked")

    async def close(self) -> None:
        while self._idle:
            _, client = self._idle.pop()
            try:
                await client.quit(timeout=1)
            except (aiosmtplib.SMTPException, *_LOST):
                client.close()


def _codes(code: int, text: str) -> tuple[str, str]:
    """What an outcome says (the reply's code and, where given, the enhanced one), and the
    enhanced one alone. The text holds addresses."""
    found = _ENHANCED.search(text)
    enhanced = found[1] if found else ""
    return f"{code} {enhanced}".strip(), enhanced


def _later(code: int, text: str) -> Outcome:
    """A reply of 400 to 499: not now. SES says here that the day's quota is used up."""
    said, _ = _codes(code, text)
    if "quota exceeded" in text.lower() and code == 454:
        return Outcome(Kind.EXHAUSTED, said)
    return Outcome(Kind.THROTTLED, said)


def _greeting(code: int, text: str) -> Outcome:
    """To connecting, greeting, TLS or login."""
    return _later(code, text) if code < 500 else Outcome(Kind.DENIED, _codes(code, text)[0])


def _sender(code: int, text: str) -> Outcome:
    """To MAIL FROM: about the message's size (552), our login, or else about who sends."""
    if code < 500:
        return _later(code, text)
    said, enhanced = _codes(code, text)
    large = code == 552 or enhanced == "5.3.4"
    if large:
        return Outcome(Kind.REJECTED, said)
    return Outcome(Kind.DENIED if code in _LOGIN else Kind.SENDER, said)


def _recipient(code: int, text: str) -> Outcome:
    """To RCPT TO: greylisting and full mailboxes pass, unknown mailboxes do not. What passes is
    this recipient's, unless the server speaks of itself (RFC 3463: x.3.x) or of our rate."""
    said, enhanced = _codes(code, text)
    if code < 500:
        is_own = code not in _BUSY and not enhanced.startswith("4.3.")
        return _later(code, text)._replace(is_own=is_own)
    if code in _LOGIN:
        return Outcome(Kind.DENIED, said)
    nobody = enhanced in _NOBODY if enhanced else code in (550, 551, 553)
    return Outcome(Kind.INVALID if nobody else Kind.REJECTED, said)


def _data(code: int, text: str) -> Outcome:
    """To DATA, or to the message itself: the server says that it did not take it."""
    return _later(code, text) if code < 500 else Outcome(Kind.REJECTED, _codes(code, text)[0])


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def server(values: Mapping[str, str], prefix: str = "MARKETING_SMTP_") -> Server:
    """The server that variables name. Raises ``ValueError``, which names the variable."""
    host = values[f"{prefix}HOST"]
    tls = values.get(f"{prefix}TLS") or ("none" if is_here(host) else "starttls")
    if tls not in _PORTS:
        raise ValueError(f"{prefix}TLS is one of {', '.join(_PORTS)}")
    if tls == "none" and not is_here(host):
        raise ValueError(f"{prefix}TLS may be none on this machine only")
    port = values.get(f"{prefix}PORT") or str(_PORTS[tls])
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"{prefix}PORT is no port")
    return Server(
        host,
        int(port),
        tls,
        values.get(f"{prefix}USER") or None,
        values.get(f"{prefix}PASSWORD") or None,
        values.get(f"{prefix}CA_FILE") or None,
    )


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Smtp:
    return Smtp(server(environment), transport.answer_seconds)
