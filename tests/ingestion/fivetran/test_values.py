"""Single cells as exports write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.fivetran import values


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("123", "123"),
        ("0123", "0123"),
        ("123.0", "123"),
        ("2.18E9", "2180000000"),
        ("12.5", "12.5"),
        ("1e99", "1" + "0" * 99),
        ("a1e5", "a1e5"),
        (" 7 ", "7"),
        ("", None),
        (None, None),
    ],
)
def test_ids(given_text: str | None, text: str | None) -> None:
    assert values.ident(given_text) == text


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("2020-12-30 3:15:52", "2020-12-30T03:15:52"),
        ("2023-11-11 08:18:16.519000 UTC", "2023-11-11T08:18:16.519000Z"),
        ("2021-06-29T17:19:05.102", "2021-06-29T17:19:05.102"),
        ("2021-06-29 17:19:05+02:00", "2021-06-29T17:19:05+02:00"),
        ("2021-06-29", "2021-06-29"),
        ("yesterday", "yesterday"),
        ("2021-13-45 99:00:00", "2021-13-45T99:00:00"),
    ],
)
def test_times(given_text: str, text: str) -> None:
    assert values.time_text(given_text) == text


def test_latest_keeps_what_is_no_time_for_the_contract() -> None:
    assert values.latest(None, "", "2021-01-01 1:00:00", "2020-01-01") == "2021-01-01T01:00:00"
    assert values.latest("soon", "2020-01-01") == "2020-01-01"
    assert values.latest("soon", "later") == "soon"
    assert values.latest(None, "") is None


def test_days() -> None:
    assert values.day_text("2020-10-17 00:00:00") == "2020-10-17"
    assert values.day_text("2020-10-17T0:00:00.000Z") == "2020-10-17"
    assert values.day_text("2020-10-17 00:01:00") == "2020-10-17 00:01:00"


@given(st.text(max_size=40))
def test_nothing_raises(text: str) -> None:
    values.ident(text)
    values.time_text(text)
    values.day_text(text)
    values.parsed(text)
