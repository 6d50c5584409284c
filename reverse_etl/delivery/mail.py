"""What e-mail providers share: the parts a message must have, addresses in ASCII, and MIME."""

from __future__ import annotations

import re
from datetime import UTC
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import NamedTuple

import idna

from reverse_etl.delivery.protocol import Outgoing, Unsupported

#: What a message's own headers may not be: they are made from its other fields.
MADE = frozenset(
    {
        *("from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id"),
        *("mime-version", "return-path", "received", "dkim-signature"),
    }
)
#: A line of a message, without its end (RFC 5322).
LINE_BYTES = 998
#: A header's name: printable, without a colon.
_NAME = re.compile("[!-9;-~]+")
_PLAIN = re.compile('[^@ ,;<>"\\t\\x80-\\U0010ffff]+@[A-Za-z0-9._-]+')


class Parts(NamedTuple):
    """An e-mail's content; at least one of ``html`` and ``text`` is there."""

    subject: str
    html: str | None
    text: str | None


def parts(message: Outgoing) -> Parts:
    """Raises :class:`Unsupported` for a message without a subject or a body, or with a header
    that is not its own to give."""
    subject = message.content.get("subject", "")
    html, text = message.content.get("html") or None, message.content.get("text") or None
    if not subject.strip():
        raise Unsupported("no subject")
    if html is None and text is None:
        raise Unsupported("neither html nor text")
    for name, value in message.headers:
        if name.lower() in MADE or name.lower().startswith("content-"):
            raise Unsupported(f"the header {name} is made from other fields")
        if not _NAME.fullmatch(name):
            raise Unsupported("a header's name has other characters than RFC 5322 allows")
        if not value.isascii() or len(name) + 2 + len(value) > LINE_BYTES:
            raise Unsupported(f"the header {name} is not ASCII, or longer than a line")
    return Parts(subject, html, text)


def ascii_address(address: str) -> str:
    """An address as it goes over the wire, its domain in Punycode.

    Raises :class:`Unsupported` for what is no single address, or has other characters before the
    ``@`` than ASCII (which needs SMTPUTF8 all the way to the mailbox).
    """
    if _PLAIN.fullmatch(address):
        return address
    local, _, domain = address.rpartition("@")
    if not local or not domain or not local.isascii() or any(c in local for c in '@ ,;<>"\t'):
        raise Unsupported("not an address that can be sent to")
    if domain.isascii():
        raise Unsupported("a domain that cannot be")
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        raise Unsupported("a domain that cannot be") from None


def mailbox(name: str, address: str) -> str:
    """``Name <address>`` in ASCII (RFC 2047)."""
    return formataddr((name, ascii_address(address)))


def message_id(message: Outgoing) -> str:
    """The Message-ID header of a message, the same on every attempt."""
    return f"<{message.message_id}@{ascii_address(message.sender).rpartition('@')[2]}>"


def build(message: Outgoing) -> bytes:
    """The message as RFC 5322 wants it, the same bytes whenever it is asked.

    It has a Date only where :attr:`Outgoing.composed_at` is known; a submission server adds one
    otherwise. Raises :class:`Unsupported`.
    """
    subject, html, text = parts(message)
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = mailbox(message.sender_name, message.sender)
    made["To"] = ascii_address(message.destination)
    if message.reply_to is not None:
        made["Reply-To"] = ascii_address(message.reply_to)
    made["Subject"] = subject
    if message.composed_at is not None:
        made["Date"] = format_datetime(message.composed_at.replace(tzinfo=UTC))
    made["Message-ID"] = message_id(message)
    for name, value in message.headers:
        made[name] = value
    bodies = [(kind, body) for kind, body in (("plain", text), ("html", html)) if body is not None]
    (kind, body), *others = bodies
    made.set_content(body, subtype=kind, charset="utf-8", cte="quoted-printable")
    for kind, body in others:
        made.add_alternative(body, subtype=kind, charset="utf-8", cte="quoted-printable")
    if others:
        made.set_boundary(f"=_{message.message_id[:60]}")
    # Lines are not folded before they must be: a folded List-Unsubscribe is read by few.
    return made.as_bytes(policy=policy.SMTP.clone(max_line_length=LINE_BYTES))
