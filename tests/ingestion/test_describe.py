"""The page about file kinds."""

from __future__ import annotations

from ingestion.contracts import KINDS, describe


def test_the_page_has_the_fields_as_they_are() -> None:
    text = describe.PAGE.read_text("utf-8")
    assert text == describe.page(), "run python -m ingestion.contracts.describe"


def test_every_kind_is_there() -> None:
    text = describe.PAGE.read_text("utf-8")
    for kind in KINDS:
        assert f"### {kind}" in text or f"`{kind}`" in text, kind
