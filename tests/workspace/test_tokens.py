"""Tokens of links: what was signed comes back, and nothing else is a token."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace import settings, tokens
from workspace.identifiers import Keyring
from workspace.settings import SettingsError
from workspace.tokens import CHANNELS, IDENTIFIERS, PATHS, Token, read, sign

PEPPER = b"a pepper for tests"
KEYRING = Keyring(PEPPER)
TOKEN = Token(
    what="unsubscribe",
    reference="ab" * 32,
    identifier_type="email",
    identifier_key="cd" * 16,
    channel="email",
    at=datetime(2026, 3, 3, 9),
    purpose="newsletter",
    vertical="medical",
    language="fr",
)
TEXT = sign(KEYRING, TOKEN)
#: Made once: mails that left hold such.
GOLDEN = (
    "AIPXN55-hLKwPd2cFsZ7mu8Azc3Nzc3Nzc3Nzc3Nzc3NzQAABkwa7aLkACCrq6urq6urq6urq6urq6urq6urq6urq6"
    "urq6urq6urq25ld3NsZXR0ZXIAAG1lZGljYWwAZnIA"
)

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.:-", max_size=64)
TOKENS = st.builds(
    Token,
    what=st.sampled_from(sorted(PATHS)),
    reference=st.sampled_from([16, 32]).flatmap(
        lambda size: st.binary(min_size=size, max_size=size).map(bytes.hex)
    ),
    identifier_type=st.sampled_from(IDENTIFIERS),
    identifier_key=st.binary(min_size=16, max_size=16).map(bytes.hex),
    channel=st.sampled_from(CHANNELS),
    at=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    purpose=WORDS,
    brand=WORDS,
    vertical=WORDS,
    language=WORDS,
    text_version=WORDS,
)


@given(TOKENS)
def test_what_was_signed_comes_back(token: Token) -> None:
    text = sign(KEYRING, token)
    assert read(KEYRING, token.what, text) == token
    assert all(read(KEYRING, what, text) is None for what in PATHS if what != token.what)


def test_a_token_stays_what_it_was() -> None:
    assert TEXT == GOLDEN
    assert len(TEXT) < 150


def test_any_other_byte_is_no_token() -> None:
    data = base64.urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))
    for place in range(len(data)):
        for bit in range(8):
            other = bytearray(data)
            other[place] ^= 1 << bit
            text = base64.urlsafe_b64encode(bytes(other)).decode().rstrip("=")
            assert read(KEYRING, "unsubscribe", text) is None
    for cut in range(len(TEXT)):
        assert read(KEYRING, "unsubscribe", TEXT[:cut]) is None


@pytest.mark.parametrize(
    "text",
    [
        *(TEXT + "=", TEXT + "==", TEXT + "A", TEXT + "\n", " " + TEXT, TEXT + TEXT),
        *("", "A", "AA", "é" * 40, "\0", "%00", "A" * 1_000_000, TEXT + "&x=1", TEXT + "/"),
    ],
)
def test_only_one_text_is_a_token(text: str) -> None:
    assert read(KEYRING, "unsubscribe", text) is None


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: base64.b64encode(b).decode()))
def test_no_other_text_is_one(text: str) -> None:
    assert read(KEYRING, "unsubscribe", text) is None


@given(st.binary(max_size=200))
def test_a_sealed_body_that_is_no_token_is_refused(body: bytes) -> None:
    text = tokens.seal(KEYRING, "unsubscribe", body)
    found = read(KEYRING, "unsubscribe", text)
    assert found is None or sign(KEYRING, found) == text


def test_keys_are_rotated() -> None:
    old = Keyring(PEPPER, ((1, b"the first secret"),))
    new = Keyring(PEPPER, ((2, b"the second secret"), (1, b"the first secret")))
    gone = Keyring(PEPPER, ((2, b"the second secret"),))
    by_old = sign(old, TOKEN)
    assert base64.urlsafe_b64decode(by_old[:4])[0] == 1
    assert base64.urlsafe_b64decode(sign(new, TOKEN)[:4])[0] == 2
    assert read(new, "unsubscribe", by_old) == read(old, "unsubscribe", by_old) == TOKEN
    assert read(gone, "unsubscribe", by_old) is None
    # What the pepper alone signed stays good, and stays the same.
    assert read(new, "unsubscribe", TEXT) == TOKEN
    # The number is signed too: the same secret under another one is another key.
    moved = Keyring(PEPPER, ((3, b"the first secret"),))
    assert sign(moved, TOKEN)[4:26] != by_old[4:26]


def test_another_workspace_signs_with_other_keys() -> None:
    keys = ((1, b"a shared secret"),)
    ours, theirs = Keyring(PEPPER, keys), Keyring(b"another pepper", keys)
    assert read(ours, "unsubscribe", sign(theirs, TOKEN)) is None
    assert read(KEYRING, "unsubscribe", sign(Keyring(b"another pepper"), TOKEN)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "click"},
        {"reference": "zoe@example.com"},
        {"reference": "ab" * 31},
        {"identifier_key": "zoe@example.com"},
        {"identifier_type": "name"},
        {"channel": "fax"},
        {"purpose": "a b"},
        {"brand": "a\0b"},
        {"language": "x" * 65},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        replace(TOKEN, **wrong)


def test_the_settings_say_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.link_secrets() == ()
    monkeypatch.setenv("MARKETING_LINK_KEYS", "2:the second secret, 1:the first secret")
    assert settings.link_secrets() == ((2, b"the second secret"), (1, b"the first secret"))


@pytest.mark.parametrize(
    "given_",
    [
        *("secret", "0:a long enough secret", "256:a long enough secret", "x:a long enough secret"),
        *("1:short", "1:a long enough secret,1:another long secret", "²:a long enough secret"),
    ],
)
def test_keys_that_cannot_be_used(given_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_LINK_KEYS", given_)
    with pytest.raises(SettingsError, match="MARKETING_LINK_KEYS") as refused:
        settings.link_secrets()
    assert "long enough" not in str(refused.value)
