"""Signatures against the published example and the official library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from workspace import standard_webhooks

EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_published_signature() -> None:
    """The example of the Standard Webhooks specification's libraries."""
    key = standard_webhooks.secret(EXAMPLE)
    ident = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = standard_webhooks.sign(key, ident, 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.text(), st.integers(0, 2**33))
def test_it_signs_as_the_library_does(key: bytes, body: str, at: int) -> None:
    text = "whsec_" + base64.b64encode(key).decode()
    ours = standard_webhooks.sign(standard_webhooks.secret(text), "alert_1", at, body.encode())
    theirs = Webhook(text).sign("alert_1", datetime.fromtimestamp(at, UTC), body)
    assert ours == theirs
    assert standard_webhooks.secret(text.rstrip("=")) == key


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_" + "A" * 8, "whsec_not base64!", "A" * 200])
def test_what_is_no_secret_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no base64 of 24 to 64 bytes$"):
        standard_webhooks.secret(text)
