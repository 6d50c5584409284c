"""The data dictionary says what the YAML says."""

from __future__ import annotations

import re

import yaml

from reverse_etl.publish.dictionary import DOCUMENT, MARTS, SEEDS, document
from workspace.paths import PROJECT


def test_it_is_what_the_models_say() -> None:
    told = "stale: run `python -m reverse_etl.publish.dictionary`"
    assert DOCUMENT.read_text(encoding="utf-8") == document(), told


def test_every_mart_is_in_it() -> None:
    text = document()
    for path in MARTS.rglob("*.sql"):
        assert f"\n### {path.stem}\n" in text, path.stem


def test_seeds_of_the_schema_marts_are_in_it() -> None:
    """They are published as models are."""
    project = yaml.safe_load((PROJECT / "dbt" / "dbt_project.yml").read_text(encoding="utf-8"))
    given = project["seeds"]["marketing_warehouse"]
    marts = {
        name
        for name, told in given.items()
        if isinstance(told, dict) and told.get("+schema") == "marts"
    }
    assert marts == set(SEEDS)
    text = document()
    for name in marts:
        assert f"\n### {name}\n" in text and f"[{name}](#{name})" in text


def test_nothing_in_it_is_taken_for_markup() -> None:
    text = document()
    assert "asset:&lt;name>" in text
    outside_code = re.sub(r"`[^`]*`", "", text)
    assert "<" not in outside_code
