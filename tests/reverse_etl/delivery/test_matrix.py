"""The README's table of providers is what the providers declare."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reverse_etl.delivery import matrix, providers
from reverse_etl.delivery.matrix import _span

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_readme_is_current() -> None:
    text = README.read_text()
    assert matrix.rewritten(text) == text, "run python -m reverse_etl.delivery.matrix"


def test_every_provider_has_a_row() -> None:
    found = list(matrix.rows())
    assert [row[0] for row in found] == list(providers.NAMES)
    assert {len(row) for row in found} == {len(matrix.COLUMNS)}
    by_name = {row[0]: dict(zip(matrix.COLUMNS, row, strict=True)) for row in found}
    assert by_name["postmark"]["messages a request"] == "500"
    assert by_name["sendgrid"]["recognises a repeat"] == ""
    assert by_name["brevo"]["recognises a repeat"] == "15 min"
    assert by_name["smtp"]["reports back"] == ""


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (None, ""),
        (timedelta(minutes=15), "15 min"),
        (timedelta(hours=24), "24 h"),
        (timedelta(days=30), "30 days"),
        (timedelta(days=3650), "always"),
    ],
)
def test_spans(span: timedelta | None, text: str) -> None:
    assert _span(span) == text


def test_a_document_without_its_marks_is_left_alone() -> None:
    for text in ("", matrix.BEGIN, f"{matrix.END} {matrix.BEGIN}"):
        with pytest.raises(ValueError):
            matrix.rewritten(text)
