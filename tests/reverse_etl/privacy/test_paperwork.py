"""The paperwork names everything that the definitions and the catalogue name, in both languages."""

from __future__ import annotations

import csv
import html
import io
import re
import shutil
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.privacy import paperwork, writing
from reverse_etl.privacy.words import day, retention, words
from workspace import definitions
from workspace.catalogue import HOLDINGS, PLACES
from workspace.definitions.privacy import LANGUAGES, Language, Retention
from workspace.paths import PROJECT

GIVEN = definitions.load(PROJECT / "marketing")
AT = datetime(2026, 3, 1)


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    return request.param


@pytest.fixture(scope="module")
def papers(language: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers") / language
    made = paperwork.write(GIVEN, folder, language, AT)
    assert made.unnamed == () and made.undescribed == ()
    return folder


def read(path: Path) -> str:
    return html.unescape(path.read_text())


def test_the_record_has_what_article_30_wants(papers: Path, language: Language) -> None:
    page = read(papers / "record.html")
    privacy = GIVEN.privacy
    for controller in privacy.controllers:
        assert controller.name in page and controller.email in page
    assert privacy.officer and privacy.officer.email in page
    for purpose in privacy.purposes.values():
        assert purpose.name.say(language) in page and purpose.description.say(language) in page
    for recipient in privacy.recipients.values():
        assert recipient.name in page
    for category in privacy.categories.values():
        assert retention(category.retention, language) in page
    for measure in privacy.measures:
        assert measure.say(language) in page
    rows = list(csv.DictReader(io.StringIO((papers / "record.csv").read_text())))
    assert len(rows) == len(privacy.purposes)
    assert all(row["legal_bases"] and row["subjects"] and row["kept"] for row in rows)


def test_the_map_has_every_place(papers: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((papers / "data_map.csv").read_text())))
    found = {(row["store"], row["name"]) for row in rows}
    assert found == {(its.store, its.name) for its in HOLDINGS} | {("place", n) for n in PLACES}
    page = read(papers / "data_map.html")
    assert all(f"{store} {name}" in page for store, name in found)


def test_the_picture_ties_what_the_definitions_tie(papers: Path) -> None:
    drawn = (papers / "data_map.mmd").read_text()
    boxes = set(re.findall(r"^  (\w+)[\[(]", drawn, re.MULTILINE))
    ends = {end for pair in re.findall(r"(\w+) -\.?->? ?(\w+)", drawn) for end in pair}
    assert ends <= boxes
    arrows = sum(
        len(its.purposes) + len(its.recipients) for its in GIVEN.privacy.categories.values()
    )
    assert drawn.count("->") == arrows


class Outline(HTMLParser):
    """Headings in order, and tags that are never closed or should not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.levels: list[int] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "link"):
            self.faults.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")


def test_pages_are_well_formed_and_load_nothing(papers: Path, language: Language) -> None:
    for name in paperwork.PAGES:
        text = (papers / f"{name}.html").read_text()
        outline = Outline()
        outline.feed(text)
        assert (outline.faults, outline.open) == ([], []), name
        assert outline.levels[0] == 1 and outline.levels.count(1) == 1
        steps = zip(outline.levels, outline.levels[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), name
        assert f'<html lang="{language}">' in text and "{{" not in text and "{%" not in text


def test_sql_of_the_breach_form_names_published_tables(papers: Path) -> None:
    models = {path.stem for path in (PROJECT / "dbt" / "models" / "marts").rglob("*.sql")}
    named = set(re.findall(r"marts\.(\w+)", read(papers / "breach.html")))
    assert {"personal_data_map", "dim_contacts"} <= named
    assert named - {"audit_logs"} <= models


def test_both_languages_say_the_same_things() -> None:
    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shape(item) for item in value]
        return bool(value)

    assert shape(words("fr")) == shape(words("en"))


@pytest.mark.parametrize(
    ("months", "language", "wanted"),
    [
        (36, "fr", "3 ans après l'événement"),
        (12, "fr", "1 an après"),
        (25, "en", "25 months after the event"),
        (12, "en", "1 year after"),
        (None, "en", "as long as other data of the person"),
    ],
)
def test_periods_in_words(months: int | None, language: Language, wanted: str) -> None:
    assert retention(Retention(months=months), language).startswith(wanted)


def test_days_in_words() -> None:
    assert day(AT, "fr") == "1er mars 2026" and day(AT, "en") == "1 March 2026"
    assert day(datetime(2026, 8, 31), "fr") == "31 août 2026"


def marketing(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["paperwork", *words])
    return result.exit_code, " ".join(result.output.split())


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ["--workspace", str(tmp_path / "w")]
    code, told = marketing("--to", str(tmp_path / "p"), "--language", "en", *where)
    assert code == 0 and "8 files" in told
    assert writing.verify(tmp_path / "p") == []
    assert marketing("--to", str(tmp_path / "p"), *where)[0] == 2
    assert marketing("--to", str(tmp_path / "q"), "--language", "de", *where)[0] == 2
    folder = shutil.copytree(PROJECT / "marketing", tmp_path / "marketing")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    path = folder / "privacy.yml"
    path.write_text(path.read_text().replace("providers: [ses]", "providers: []"))
    code, told = marketing("--to", str(tmp_path / "q"), *where)
    assert code == 1 and "names ses, which is in use" in told
    assert "ses" in read(tmp_path / "q" / "record.html")
    path.unlink()
    code, told = marketing("--to", str(tmp_path / "r"), *where)
    assert code == 2 and "describes nothing" in told
