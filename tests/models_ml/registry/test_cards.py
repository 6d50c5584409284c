"""The card says what the manifest says, and shows texts as they are."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import polars as pl
import pytest

from models_ml.registry import cards
from models_ml.registry.manifest import Provenance, described
from models_ml.supervised.faults import Finding, Kind
from models_ml.supervised.training import Trained, train
from tests.models_ml.churning import AS_OF, QUICK, SPEC

HOSTILE = "</script><script>alert(1)</script><b onload='x'>&"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict]]:
    reader = Tags()
    reader.feed(page)
    return reader.seen


def page_of(trained: Trained) -> str:
    made = Provenance(AS_OF, "snapshot", "code", datetime(2026, 1, 2))
    return cards.card(described(trained, "0123456789abcdef", made))


@pytest.fixture(scope="module")
def page(linear: Trained) -> str:
    return page_of(linear)


def test_every_part_stands_in_it(page: str, linear: Trained) -> None:
    for title in (
        "Data and windows",
        "Candidates",
        "Quality on the test window",
        "Calibration and lift",
        "Features",
        "Coverage and fairness by slice",
        "Drift from training to test",
        "Limits",
        "Made with",
    ):
        assert f"<h2>{title}</h2>" in page
    auc = linear.metrics.filter((pl.col("slice") == "all") & (pl.col("metric") == "auc"))
    for value in auc.select("value", "low", "high", "baseline_age").row(0):
        assert f"{value:.4g}" in page
    for name in (*linear.fitted.features, "vertical=medical", "vertical=public"):
        assert name in page
    assert {attrs.get("id") for _, attrs in tags(page)} >= {"calibration", "lift", "features"}


def test_it_asks_for_one_script_beside_it_and_nothing_else(page: str) -> None:
    sources = [attrs["src"] for _, attrs in tags(page) if "src" in attrs]
    assert sources == ["../../plotly.min.js"]
    assert not [tag for tag, attrs in tags(page) if "href" in attrs]
    assert not re.search(r"src=.https?:|url\(|@import", page)


def test_the_same_manifest_gives_the_same_page(page: str, linear: Trained) -> None:
    assert page_of(linear) == page


def test_markup_in_names_stays_text(churning: pl.DataFrame, page: str) -> None:
    spec = replace(
        SPEC,
        title=HOSTILE,
        purpose=HOSTILE,
        numeric=tuple(HOSTILE if name == "uses" else name for name in SPEC.numeric),
    )
    frame = churning.rename({"uses": HOSTILE}).with_columns(
        vertical=pl.when(pl.col("vertical") == "public").then(pl.lit(HOSTILE)).otherwise("vertical")
    )
    trained = train(spec, frame, QUICK, AS_OF)
    found = replace(trained, findings=(Finding(Kind.GAP, HOSTILE, HOSTILE),))
    hostile = page_of(found)
    assert "alert(1)</script>" not in hostile and "<b onload" not in hostile
    scripts = [sum(tag == "script" for tag, _ in tags(text)) for text in (page, hostile)]
    assert scripts[0] == scripts[1]
    assert not [attrs for _, attrs in tags(hostile) if "onload" in attrs]


def test_few_outcomes_are_among_the_limits(linear: Trained) -> None:
    few = replace(linear, findings=(Finding(Kind.FEW_POSITIVES, "test", "has 3"),))
    assert "read the intervals only" in page_of(few)
    assert "read the intervals only" not in page_of(replace(linear, findings=()))
