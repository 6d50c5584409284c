"""The data dictionary says what the YAML says."""

from __future__ import annotations

from reverse_etl.publish.dictionary import DOCUMENT, MARTS, document


def test_it_is_what_the_models_say() -> None:
    told = "stale: run `python -m reverse_etl.publish.dictionary`"
    assert DOCUMENT.read_text(encoding="utf-8") == document(), told


def test_every_mart_is_in_it() -> None:
    text = document()
    for path in MARTS.rglob("*.sql"):
        assert f"\n### {path.stem}\n" in text, path.stem
