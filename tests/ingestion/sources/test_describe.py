"""The pages about sources."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from inspect import signature
from types import ModuleType

import pytest

from ingestion.contracts import KINDS, TABLES
from ingestion.sources import describe, registry
from sandbox.servers import vendors
from tests.ingestion.sources import test_every_source as shared
from tests.ingestion.sources.conftest import Vendor
from workspace.paths import PROJECT

README = (PROJECT / "README.md").read_text("utf-8")
SETTINGS = (PROJECT / ".env.example").read_text("utf-8")
EXAMPLE = (PROJECT / "docs" / "add-a-source.md").read_text("utf-8")
#: What every source must do, as far as it takes nothing but a name.
SHARED = [
    check
    for name, check in vars(shared).items()
    if name.startswith("test_") and set(signature(check).parameters) == {"new_vendor", "name"}
]
every = pytest.mark.parametrize("name", registry.MODULES)


def test_the_page_has_the_sources_as_they_are() -> None:
    text = describe.PAGE.read_text("utf-8")
    assert text == describe.page(), "run python -m ingestion.sources.describe"


@every
def test_the_page_tells_what_to_know_of_each(name: str) -> None:
    limits = _table_after(describe.PAGE.read_text("utf-8"), "## Known limits")
    assert registry.load(name).title in [row[0] for row in limits]


def test_the_page_names_columns_of_file_kinds_that_exist() -> None:
    for _, kind, required, others in _table_after(
        describe.PAGE.read_text("utf-8"), "## By file only"
    ):
        fields = {field.column: field for field in TABLES[kind.strip("`")].fields}
        named = re.findall(r"`(\w+)`", required)
        assert named == [c for c, f in fields.items() if f.required and f.default is None]
        assert set(re.findall(r"`(\w+)`", others)) <= set(fields) - set(named)


@every
def test_the_settings_name_every_variable(name: str) -> None:
    given = dict(re.findall(r"^#(MARKETING_\w+)=(.*)$", SETTINGS, re.MULTILINE))
    for variable in describe.variables(registry.load(name)):
        assert variable.name in given
        if variable.default is not None:
            assert given[variable.name] == variable.default
    assert "MARKETING_PULL_FROM" in given


@every
def test_the_readme_names_the_source(name: str) -> None:
    source = registry.load(name)
    rows = {row[0]: row for row in _table_after(README, "## Sources")}
    _, _, command, credentials = rows[source.title]
    assert f"python -m {command.strip('`')}" == describe.command(source)
    needed = [variable.name for variable in source.variables if variable.required]
    assert [f"MARKETING_{found}" for found in re.findall(r"`(\w+)`", credentials)] == needed


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_names_the_kind(kind: str) -> None:
    kinds = " ".join(row[0] for row in _table_after(README, "## Your own data"))
    assert f"`{kind}`" in kinds


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hubspot", "Asked in every run. Our own limit of requests: 15 a second, 15 at once."),
        ("calendly", "Asked every 15 minutes. Our own limit of requests: 5 a second, 5 at once."),
        ("mixpanel", "Asked every day. Our own limit of requests: 45 an hour, 10 at once."),
        ("meta_ads", "Asked every 6 hours. Our own limit of requests: 9 a minute, 10 at once."),
    ],
)
def test_times_and_rates_are_told_in_the_unit_that_suits(name: str, told: str) -> None:
    assert f"`{describe.command(registry.load(name))}`. {told}\n" in describe.sources_markdown()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The source of `docs/add-a-source.md` and its stand-in, as if they were there."""
    blocks = re.findall(r"^```python\n(.*?)^```$", EXAMPLE, re.MULTILINE | re.DOTALL)
    names = ("ingestion.saas.smiley", "sandbox.servers.smiley")
    for name, text in zip(names, blocks, strict=True):
        module = ModuleType(name)
        exec(compile(text, name, "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(registry.MODULES, "smiley", names[0])
    monkeypatch.setattr(vendors, "NAMES", (*vendors.NAMES, "smiley"))
    yield "smiley"
    registry.load.cache_clear()


@pytest.mark.parametrize("check", SHARED, ids=lambda check: check.__name__)
def test_the_example_does_what_every_source_must(
    new_vendor: Callable[..., Vendor], example: str, check: Callable[..., None]
) -> None:
    check(new_vendor, example)


def test_the_example_pages(new_vendor: Callable[..., Vendor], example: str) -> None:
    vendor = new_vendor(example)
    result = vendor.run()
    assert [(r.name, r.pages, r.records) for r in result.resources] == [("answers", 3, 25)]
    assert vendor.rows("surveys")[0]["survey"] == "smiley"


def _table_after(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table's rows below a heading."""
    section = text.split(f"{heading}\n", 1)[1]
    table = re.search(r"^\|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", section, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()]
