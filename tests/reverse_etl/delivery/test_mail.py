"""MIME: the same bytes each time, what it says, and what is refused."""

from __future__ import annotations

import email
from datetime import datetime
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Outgoing, Unsupported
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import LIST_UNSUBSCRIBE

MESSAGE = HARNESSES["smtp"].message
LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=300)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=2000)


def read(message: Outgoing) -> EmailMessage:
    found = email.message_from_bytes(mail.build(message), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    found: str = part.get_content()
    return found.replace("\r\n", "\n")


def test_a_message_says_what_it_is_made_of() -> None:
    found = read(MESSAGE(1, headers=LIST_UNSUBSCRIBE, reply_to="answers@example.org"))
    assert dict(found.items()) | {"Content-Type": ""} == {
        "From": '"Démo, Équipe" <news@mail.example.org>',
        "To": "delivered@clinique.example",
        "Reply-To": "answers@example.org",
        "Subject": "Votre démonstration, enfin",
        "Date": "Sun, 22 Nov 2026 09:30:00 +0000",
        "Message-ID": f"<{1:064x}@mail.example.org>",
        "MIME-Version": "1.0",
        "Content-Type": "",
        **dict(LIST_UNSUBSCRIBE),
    }
    assert body(found, "plain") == "Bonjour à vous\n"
    assert body(found, "html") == "<p>Bonjour à vous</p>\n"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]


def test_list_unsubscribe_is_there_once_and_on_one_line() -> None:
    lines = mail.build(MESSAGE(1, headers=LIST_UNSUBSCRIBE)).split(b"\r\n")
    assert lines.count(b"List-Unsubscribe: " + LIST_UNSUBSCRIBE[0][1].encode()) == 1
    assert lines.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click") == 1
    assert sum(line.lower().startswith(b"list-unsubscribe") for line in lines) == 2


@given(LINES, TEXTS, TEXTS, LINES)
def test_bytes_are_the_same_each_time_and_lines_are_short(
    subject: str, html: str, text: str, name: str
) -> None:
    if not subject.strip() or not (html or text):
        return
    content = {"subject": subject, "html": html, "text": text}
    message = MESSAGE(1, content=content, sender_name=name)
    built = mail.build(message)
    assert built == mail.build(message)
    assert built.isascii() and b"\n" not in built.replace(b"\r\n", b"")
    head, _, rest = built.partition(b"\r\n\r\n")
    assert all(len(line) <= mail.LINE_BYTES for line in head.split(b"\r\n"))
    assert all(len(line) <= 78 for line in rest.split(b"\r\n"))
    found = read(message)
    for kind, given_body in (("plain", text), ("html", html)):
        if given_body:
            assert body(found, kind).rstrip("\n") == given_body.rstrip("\n")


def test_a_message_with_one_body_has_no_parts() -> None:
    found = read(MESSAGE(1, content={"subject": "s", "text": "only"}))
    assert found.get_content_type() == "text/plain" and body(found, "plain") == "only\n"


def test_without_a_time_there_is_no_date() -> None:
    assert read(MESSAGE(1, composed_at=None))["Date"] is None
    at = datetime(2026, 3, 29, 1, 30)
    assert read(MESSAGE(1, composed_at=at))["Date"] == "Sun, 29 Mar 2026 01:30:00 +0000"


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("jane@example.org", "jane@example.org"),
        ("Jane+tag@EXAMPLE.org", "Jane+tag@EXAMPLE.org"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@BÜCHER.example", "info@xn--bcher-kva.example"),
        ("o'hara@example.org", "o'hara@example.org"),
        ("jané@example.org", None),
        ("jane", None),
        ("@example.org", None),
        ("jane@", None),
        ("a@b.example, c@d.example", None),
        ("a@b.example>", None),
        ('"a b"@c.example', None),
        ("a@b@c.example", None),
        ("a@exa mple.org", None),
        ("a@é\u200d.example", None),
    ],
)
def test_addresses(address: str, wire: str | None) -> None:
    if wire is None:
        with pytest.raises(Unsupported):
            mail.ascii_address(address)
    else:
        assert mail.ascii_address(address) == wire


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("Subject", "another"),)},
        {"headers": (("bcc", "all@x.example"),)},
        {"headers": (("Content-Transfer-Encoding", "8bit"),)},
        {"headers": (("X Y", "1"),)},
        {"headers": (("X:Y", "1"),)},
        {"headers": (("X-Long", "x" * 1000),)},
        {"headers": (("X-Letters", "é"),)},
        {"content": {"subject": "", "text": "x"}},
        {"content": {"subject": "s"}},
        {"content": {"subject": "s", "text": "", "html": ""}},
        {"sender": "not an address"},
        {"reply_to": "nobody"},
    ],
)
def test_what_cannot_be_said_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        mail.build(MESSAGE(1, **changes))
