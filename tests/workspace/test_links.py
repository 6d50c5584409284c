"""Signed links: what was signed comes back, nothing else does, and they lead to web pages only."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace import tokens
from workspace.identifiers import Keyring
from workspace.links import (
    LONGEST_URL,
    Link,
    Pixel,
    is_destination,
    read,
    read_pixel,
    sign,
    sign_pixel,
    unproven,
    unproven_pixel,
)

KEYRING = Keyring(b"a pepper for tests")
LINK = Link("ab" * 32, "cd" * 16, "https://www.example.com/a?b=1&c=%C3%A9#d")
TOKEN = sign(KEYRING, LINK)

#: Made once: mails that left hold such.
GOLDEN = (
    "AN9C_L1vSLAwUMwpxJ97Mbirq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq83Nzc3Nzc3Nzc3Nzc3Nzc1odH"
    "RwczovL3d3dy5leGFtcGxlLmNvbS9hP2I9MSZjPSVDMyVBOSNk"
)

NOWHERE = [
    *("", " ", "/", "x", "//evil.example", "///evil.example", "/\\evil.example"),
    *("javascript:alert(1)", "JAVASCRIPT:alert(1)", "java\tscript:alert(1)"),
    *("data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://a.example/", "mailto:a@b.c"),
    *("http:", "http:/", "http://", "https:///evil.example", "https:evil.example", "https:/a.b/"),
    *("https://user@evil.example/", "https://user:pass@evil.example/", "https://a.example@evil"),
    *("https://a.example\\@evil.example", "https:\\\\evil.example", "https://a.example/\\x"),
    *("https://a.example/\r\nSet-Cookie: a=b", "https://a.example/\n", "\nhttps://a.example/"),
    *("https://a.example/\x00", "https://a.example/\x7f", "https://a.example/a b"),
    *("https://a.example/é", "https://ex\u00e4mple.example/", "https://a\u3002example/"),
    *("https://\u212aexample.example/", "https://a.example\u2028/", "https://a.example／evil"),
    *("https://a.example:99999/", "https://a.example:x/", "https://a.example:0/"),
    *(
        "https://[::1/",
        "https://[::1]/",
        "https://[evil]/",
        "https://a..%2f/",
        "https://%61.example/",
    ),
    *("https://.example/", "https://-/", "https://a_b<c>.example/", "https://?x", "https://#x"),
    "https://a.example/" + "x" * LONGEST_URL,
]


@pytest.mark.parametrize("url", NOWHERE)
def test_what_is_no_destination(url: str) -> None:
    assert not is_destination(url)
    with pytest.raises(ValueError, match="no link may lead there"):
        sign(KEYRING, Link(LINK.message_id, LINK.recipient_key, url))
    # Not even where it was signed.
    assert read(KEYRING, _signed(url.encode("utf-8", "surrogatepass"))) is None


@pytest.mark.parametrize(
    "url",
    [
        *("https://a.example", "HTTP://A.example/x", "http://a.example:8080/?q#f"),
        *("https://a.example?x=@", "https://a.example/a@b", "https://a.example/#//b"),
        *("http://127.0.0.1/", "https://xn--exmple-cua.example/"),
        "https://a.example/" + "x" * (LONGEST_URL - len("https://a.example/")),
    ],
)
def test_what_was_signed_comes_back(url: str) -> None:
    link = Link(LINK.message_id, LINK.recipient_key, url)
    token = sign(KEYRING, link)
    assert sign(KEYRING, link) == token
    assert read(KEYRING, token) == unproven(token) == link


def test_a_token_stays_what_it_was() -> None:
    """Another layout takes another version."""
    assert TOKEN == GOLDEN
    assert read(KEYRING, GOLDEN) == LINK


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_any_other_character_is_refused(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert (read(KEYRING, changed) is None) == (changed != TOKEN)


@given(st.text() | st.binary().map(lambda b: base64.urlsafe_b64encode(b).decode()))
def test_no_text_breaks_it(text: str) -> None:
    assert read(KEYRING, text) is None
    unproven(text)


@pytest.mark.parametrize(
    "token",
    [
        *(TOKEN + "=", TOKEN + "==", TOKEN + "A", TOKEN[:-1], TOKEN + "\n", " " + TOKEN),
        *(TOKEN.replace("-", "+").replace("_", "/") + "/", TOKEN + TOKEN, TOKEN[:88], "", "A"),
        "A" * 100_000,
    ],
)
def test_only_one_text_is_a_links_token(token: str) -> None:
    assert read(KEYRING, token) is None


def test_foreign_keys_and_numbers_are_refused() -> None:
    assert read(Keyring(b"the pepper of somebody else"), TOKEN) is None
    data = base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))
    other = base64.urlsafe_b64encode(b"\x02" + data[1:]).decode().rstrip("=")
    assert read(KEYRING, other) is None


def test_a_links_signature_is_of_nothing_else() -> None:
    """What signs another link of a message signs no click, whatever the texts."""
    body = bytes.fromhex(LINK.message_id) + bytes.fromhex(LINK.recipient_key) + LINK.url.encode()
    token = tokens.seal(KEYRING, "unsubscribe", body)
    assert unproven(token) == LINK
    assert read(KEYRING, token) is None


@pytest.mark.parametrize("ids", [("ab", "cd" * 16), ("ab" * 32, "cd"), ("ab" * 31, "cd" * 17)])
def test_other_ids_are_refused(ids: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        sign(KEYRING, Link(*ids, LINK.url))


def _signed(url: bytes) -> str:
    """As a careless signer would."""
    return tokens.seal(KEYRING, "click", bytes(48) + url)


def test_a_pixel_is_no_link_and_a_link_no_pixel() -> None:
    pixel = Pixel(LINK.message_id, LINK.recipient_key)
    token = sign_pixel(KEYRING, pixel)
    assert read_pixel(KEYRING, token) == pixel == unproven_pixel(token)
    assert read(KEYRING, token) is None and read_pixel(KEYRING, TOKEN) is None
    others = (Keyring(b"another pepper"), Keyring(b"a pepper for tests", ((3, b"x" * 32),)))
    assert [read_pixel(keyring, token) for keyring in others] == [None, pixel]
    for text in (token[:-1], token + "A", token.swapcase(), "", "x", "\u202e", TOKEN):
        assert read_pixel(KEYRING, text) is None
    for wrong in (Pixel("ab", LINK.recipient_key), Pixel(LINK.message_id, "cd")):
        with pytest.raises(ValueError):
            sign_pixel(KEYRING, wrong)
