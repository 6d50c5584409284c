"""Versions of templates and assets in the lake, and messages rendered from stored ones."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.content import versions
from reverse_etl.content.assets import load_assets
from reverse_etl.content.library import Library, Request
from tests.reverse_etl.content.folders import TEMPLATE, VALUES, folder, mjml
from workspace.definitions.reading import DefinitionError
from workspace.lake import Lake
from workspace.paths import PROJECT

START = datetime(2026, 1, 1)
PNG = (PROJECT / "marketing" / "assets" / "logo-public.png").read_bytes()


class World:
    def __init__(self, root: Path) -> None:
        (root / "definitions").mkdir()
        self.root = folder(root / "definitions")
        self.lake = Lake(root / "lake")
        self.template = self.root / "templates" / "t"
        self.runs = 0

    def write(self, name: str, text: str) -> None:
        (self.template / name).write_text(text, encoding="utf-8")

    @property
    def now(self) -> datetime:
        return START + timedelta(days=self.runs)

    def run(self) -> list[str]:
        self.runs += 1
        with Library.load(self.root) as library:
            stored = versions.store(library.entries.values(), self.lake, self.now)
            assert versions.store(library.entries.values(), self.lake, self.now) == []
            return stored

    def rows(self) -> list[dict[str, Any]]:
        found = self.lake.read(versions.TEMPLATES).to_pylist()
        return sorted(found, key=lambda row: (row["sequence"], row["channel"], row["language"]))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_version_is_stored_once_and_when_it_changes(world: World) -> None:
    assert world.run() == ["t"] and world.run() == []
    (first,) = world.rows()
    assert (first["channel"], first["language"], first["status"]) == ("email", "fr", "active")
    assert first["subject"] == "Bonjour {{ first_name }}" and first["known_at"] == START + (
        timedelta(days=1)
    )
    assert first["required_sources"] == "message.unsubscribe_url"
    assert first["optional_sources"] == "contact.first_name,event.link"
    world.write("fr/subject.txt", "Salut {{ first_name }}")
    assert world.run() == ["t"]
    (_, second) = world.rows()
    assert second["template_version"] != first["template_version"] and second["sequence"] == 2


@pytest.mark.parametrize(
    ("old", "new", "is_other_bytes"),
    [
        ("name: A test", "name: Another", False),
        ("purpose: marketing", "purpose: newsletter", True),
        ("fr: cher client", "fr: chère cliente", True),
        ("class: marketing", "class: marketing\napproved: false", False),
        ("kind: url, fallback", "kind: url,  fallback", None),
    ],
)
def test_what_a_version_is(world: World, old: str, new: str, is_other_bytes: bool | None) -> None:
    """A name is stored and leaves the hash that messages carry; blanks of YAML are nothing."""
    world.run()
    world.write("template.yml", TEMPLATE.replace(old, new))
    assert world.run() == ([] if is_other_bytes is None else ["t"])
    hashes = {row["template_version"] for row in world.rows()}
    assert len(hashes) == (2 if is_other_bytes else 1)


def test_the_sender_is_part_of_it(world: World) -> None:
    world.run()
    path = world.root / "senders.yml"
    path.write_text(path.read_text().replace("1 rue du Test", "2 rue du Test"))
    assert world.run() == ["t"]


def test_a_template_retires_and_comes_back(world: World) -> None:
    world.write("fr/email.txt", "{{ unsubscribe_url }}")
    world.run()
    kept = world.template.rename(world.root / "kept")
    assert world.run() == ["t"] and world.run() == []
    kept.rename(world.template)
    assert world.run() == ["t"] and world.run() == []
    assert [row["status"] for row in world.rows()] == ["active", "retired", "active"]
    assert len({row["template_version"] for row in world.rows()}) == 1


def test_a_past_run_sees_the_versions_of_its_day(world: World) -> None:
    world.run()
    then = world.now
    world.write("fr/subject.txt", "Salut")
    world.run()
    with Library.load(world.root) as library:
        # At that time the file says something new again.
        assert versions.store(library.entries.values(), world.lake, then) == ["t"]


def test_a_stored_version_gives_the_same_bytes(world: World) -> None:
    """After the files, the shared files and the sender have changed, or are gone."""
    world.write("fr/email.mjml", mjml("{% if first_name %}{{ first_name|upper }}{% endif %}"))
    world.run()
    request = Request("t", "email", "fr-CA", VALUES)
    with Library.load(world.root) as library:
        (sent,) = library.render([request])
    shutil.rmtree(world.template)
    world.run()
    stored = versions.stored_entry(world.lake, "t", sent.template_version)
    assert stored is not None
    with Library([stored]) as library:
        (rendered,) = library.render([request])
    assert rendered.payload == sent.payload
    assert versions.stored_entry(world.lake, "t", "0" * 32) is None


def test_assets(tmp_path: Path, world: World) -> None:
    assets = world.root / "assets"
    assets.mkdir()
    (assets / "a.png").write_bytes(PNG)
    found = load_assets(world.root)
    assert (found["a.png"].width_px, found["a.png"].height_px) == (96, 96)
    assert found["a.png"].published_name == f"{found['a.png'].content_hash[:16]}-a.png"
    assert versions.store_assets(found, world.lake, START) == ["a.png"]
    assert versions.store_assets(found, world.lake, START) == []
    later = START + timedelta(days=1)
    assert versions.store_assets({}, world.lake, later) == ["a.png"]
    assert versions.store_assets({}, world.lake, later) == []
    rows = world.lake.read(versions.ASSETS).to_pylist()
    assert sorted(row["status"] for row in rows) == ["active", "retired"]


def test_an_asset_in_a_mail_is_known_by_its_content(world: World) -> None:
    assets = world.root / "assets"
    assets.mkdir()
    (assets / "a.png").write_bytes(PNG)
    world.write("fr/email.mjml", mjml('<img src="asset:a.png" alt="x" />'))
    with Library.load(world.root) as library:
        name = library.assets["a.png"].published_name
        before = library.entries["t"]
        html = before.parts["email", "fr"].pieces["html"][0]
    assert f"https://www.chirurgieprox.example/assets/{name}" in html
    (assets / "a.png").write_bytes(PNG + b"\0")
    with Library.load(world.root) as library:
        assert library.entries["t"].version != before.version
    (assets / "a.png").unlink()
    with pytest.raises(DefinitionError, match=r"email\.mjml:2: no asset 'a\.png'"):
        Library.load(world.root)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg", b"<svg/>"),
        ("a.html", b"<html>"),
        ("a b.png", PNG),
        ("-a.png", PNG),
        ("a.png", b"GIF89a"),
        ("a.pdf", b"<html>"),
        ("a.png", b""),
    ],
)
def test_assets_that_are_none(world: World, name: str, content: bytes) -> None:
    (world.root / "assets").mkdir()
    (world.root / "assets" / name).write_bytes(content)
    with pytest.raises(DefinitionError):
        load_assets(world.root)


def test_an_asset_is_no_link_to_elsewhere(world: World) -> None:
    (world.root / "assets").mkdir()
    (world.root / "assets" / "a.png").symlink_to("/etc/passwd")
    with pytest.raises(DefinitionError):
        load_assets(world.root)
