"""Whatever is asked, the answer is never a 500."""

from __future__ import annotations

import base64
import json
import os
import string
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from reverse_etl.api.answering import Page
from tests.reverse_etl.api.conftest import over
from workspace.paths import Paths

PATHS = [
    "/kpis",
    "/campaigns",
    "/campaigns/{}",
    "/segments",
    "/segments/{}",
    "/segments/{}/members",
    "/contacts",
    "/contacts/{}",
    "/contacts/{}/recommendations",
    "/contacts/{}/messages",
    "/accounts",
    "/accounts/{}",
    "/scores/{}",
    "/attribution",
    "/messages/{}",
    "/audit",
    "/{}",
]
NAMES = ["limit", "cursor", "vertical", "segment", "from", "to", "window", "metric", "model", "by"]
NAMES += ["lookback", "half-life", "least", "tier", "is_customer", "account_id", "action", "status"]
SAMPLES = [
    *("'; drop table contacts; --", "' or 1=1 --", '"', "$limit", "${x}", "%s", "{0}", "\\"),
    *("../../etc/passwd", "segment_1", "churn", "linear", "markov", "channel", "null", "nan"),
    *("-1", "1e400", "9" * 30, "9" * 5000, "0", "1", "true", "2026-01-01", "0001-01-01"),
    *("9999-12-31", "2026-02-30", "1700000000", "\ud800"),
]
TEXTS = st.one_of(
    st.sampled_from(SAMPLES),
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
)
#: As it stands in an address: any bytes, half pairs of surrogates and NUL among them.
RAW = st.one_of(
    TEXTS.map(lambda text: quote(text, safe="", errors="surrogatepass")),
    st.binary(max_size=20).map(quote_from_bytes),
    st.sampled_from(["%", "%zz", "%00", "%ed%a0%80", "%ff%fe", "a%2fb", "%2e%2e"]),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just("2026-01-01")
)


def as_cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CURSORS = st.one_of(
    st.lists(LEAVES, max_size=5).map(as_cursor),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(max_size=3), inner)).map(as_cursor),
    st.sampled_from([as_cursor(["\ud800"]), as_cursor([2**70, "a"]), as_cursor([-1, "a"])]),
    st.text(string.printable, max_size=20).map(lambda text: quote(text, safe="")),
)
HEADERS = st.dictionaries(
    st.sampled_from(["if-none-match", "accept", "content-type", "range", "x-forwarded-for"]),
    st.text(
        st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30
    ),
    max_size=2,
)
ROUNDS = 3000 if os.environ.get("MARKETING_TORTURE") else 250
STATUS = {200, 304, 401, 404, 405, 422}


@pytest.fixture(scope="module")
def asking(shared: Paths) -> TestClient:
    return over(shared)


def check(answer: Any) -> None:
    assert answer.status_code in STATUS, answer.text
    if answer.status_code in (200, 304):
        return
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code and body["type"].startswith("/problems/")


@settings(max_examples=ROUNDS)
@given(
    path=st.sampled_from(PATHS),
    ident=RAW,
    query=st.lists(st.tuples(st.sampled_from(NAMES), RAW), max_size=4),
    cursor=st.none() | CURSORS,
    headers=HEADERS,
)
def test_no_question_breaks_it(
    asking: TestClient,
    path: str,
    ident: str,
    query: list[tuple[str, str]],
    cursor: str | None,
    headers: dict[str, str],
) -> None:
    parts = [f"{name}={value}" for name, value in query]
    if cursor is not None:
        parts.append(f"cursor={cursor}")
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    check(asking.get(f"/api/v1{path.format(ident)}?{'&'.join(parts)}", headers=raw))


@settings(max_examples=ROUNDS)
@given(path=st.sampled_from([one for one in PATHS if "{}" not in one]), cursor=CURSORS)
def test_no_cursor_breaks_a_list(asking: TestClient, path: str, cursor: str) -> None:
    model = "model=linear&" if path == "/attribution" else ""
    answer = asking.get(f"/api/v1{path}?{model}limit=3&cursor={cursor}")
    check(answer)
    if answer.status_code == 200:
        Page[Any].model_validate_json(answer.text)


@settings(max_examples=ROUNDS)
@given(header=st.binary(max_size=40) | st.sampled_from([b"Basic " + b"=" * 9, b"Bearer \x00"]))
def test_no_header_lets_anybody_in(asking: TestClient, header: bytes) -> None:
    header = header.replace(b"\r", b"").replace(b"\n", b"")
    answer = asking.get("/api/v1/contacts", headers={b"authorization": header})
    assert answer.status_code == 401
    check(answer)
