"""`accounts.yml`, `target_accounts.csv`, `market.yml` and `paths.yml`: their rows, their faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.test_definitions import MINIMAL
from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.definitions.accounts import METRICS
from workspace.definitions.target_accounts import COLUMNS, read_csv

ACCOUNTS = """\
content_touches: [content_view]
required_roles:
  clinic: [surgeon, manager]
metrics:
  content_to_meeting: {baseline: 0.08, value: 0.15}
  sales_cycle_days: {change: -0.3}
  engaged_contacts_per_account: {times: 2.5}
"""
MARKET = """\
segments:
  everyone: {name: Everyone, vertical: shop, kind: market, estimate: 10}
  small:
    {name: Small, vertical: shop, priority: 1, counted_in: reference,
    rule: {types: [commune, epci], population: {from: 0, below: 5000}, regions: ["84"]}}
  rest:
    {name: Rest, vertical: shop, priority: 2,
    counted_in: reference, rule: {types: [commune], remainder: true}}
"""
PATHS = """\
paths:
  shop:
    - {from: lead, to: paid, share: 0.2}
"""
CSV = """\
siren,domain,tier,name
217500016,,1,Paris
,WWW.Lyon.example,,
"""
FILES = {"accounts.yml": ACCOUNTS, "market.yml": MARKET, "paths.yml": PATHS}


def load(folder: Path, **changed: str) -> definitions.Definitions:
    (folder / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.split(".")[0], text), encoding="utf-8")
    (folder / "target_accounts.csv").write_text(changed.get("csv", CSV), encoding="utf-8")
    return definitions.load(folder)


def test_each_definition_becomes_rows(tmp_path: Path) -> None:
    rows = load(tmp_path).rows()
    found = {(row.collection, row.key): row.value for part in rows.values() for row in part}
    assert found["account_settings", "settings"]["period_days"] == 180
    assert found["required_roles", "clinic/manager"]["role"] == "manager"
    metrics = {key: value for (kind, key), value in found.items() if kind == "account_metrics"}
    assert set(metrics) == set(METRICS)
    assert metrics["content_to_meeting"]["baseline"] == 0.08
    assert metrics["sales_cycle_days"]["direction"] == "at_most"
    assert metrics["engaged_contacts_per_account"]["times"] == 2.5
    assert metrics["task_completion"]["value"] is None
    assert found["market_segments", "everyone"]["counted_in"] is None
    small = found["market_rules", "small/epci"]
    assert (small["population_from"], small["population_below"]) == (0, 5000)
    assert small["regions"] == ",84,"
    assert found["market_rules", "rest/commune"]["is_remainder"] is True
    assert found["path_steps", "shop/lead/paid"]["share"] == 0.2
    assert found["target_accounts", "line 2"]["siren"] == "217500016"
    assert found["target_accounts", "line 3"]["domain"] == "lyon.example"
    assert found["target_accounts", "line 3"]["tier"] is None


def test_without_the_files_there_is_nothing_to_reach(tmp_path: Path) -> None:
    (tmp_path / "verticals.yml").write_text(MINIMAL, encoding="utf-8")
    rows = definitions.load(tmp_path).rows()
    assert rows["market"] == []
    goals = [row.value for row in rows["accounts"] if row.collection == "account_metrics"]
    assert all(goal[name] is None for goal in goals for name in ("value", "change", "times"))


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("accounts", "content_view", "content_vew", "accounts.yml:1: content_touches.0:"),
        ("accounts", "[surgeon, manager]", "[surgeon, surgeon]", "'surgeon' is given twice"),
        ("accounts", "times: 2.5", "times: 2.5, value: 1", "give one of value, change, times"),
        ("accounts", "sales_cycle_days", "sales_cycle", "no metric 'sales_cycle'"),
        ("accounts", "change: -0.3", "change: -1.1", "accounts.yml:6: metrics.sales_cycle_days"),
        ("market", "from: 0, below: 5000", "from: 5000, below: 5000", "no number is in"),
        ("market", "priority: 2", "priority: 1", "priority 'shop/1' is given twice"),
        ("market", "shop, priority: 2", "shp, priority: 2", "no vertical 'shp' in verticals.yml"),
        ("market", "remainder: true", "remainder: true, regions: ['84']", "no other condition"),
        ("market", ", estimate: 10", "", "market.yml:2: segments.everyone: give an estimate"),
        (
            "market",
            "counted_in: reference, rule: {types: [commune], r",
            "rule: {types: [c], r",
            "go",
        ),
        ("paths", "to: paid", "to: pad", "paths.yml:3: paths.shop: no stage 'pad' in its funnel"),
        ("paths", "share: 0.2", "share: 1.2", "paths.yml:3: paths.shop.0.share"),
        ("csv", "217500016", "21750001", "target_accounts.csv:2: siren: '21750001' is no siren"),
        ("csv", "WWW.Lyon.example", "a@b.example", "target_accounts.csv:3: domain: 'a@b.example'"),
        ("csv", ",WWW.Lyon.example,,", ",,2,Nowhere", "target_accounts.csv:3: give one of siren"),
        ("csv", ",1,Paris", ",0,Paris", "target_accounts.csv:2: tier: '0' is none of 1, 2, 3"),
        ("csv", "domain,tier", "domian,tier", ":1: domian: unknown column; did you mean 'domain'?"),
        ("csv", ",,1,Paris", ",,1,Paris,x", "target_accounts.csv:2: 5 values under 4 columns"),
        ("csv", ",WWW", "217500016,WWW", ":3: siren: '217500016' stands on line 2 already"),
    ],
)
def test_a_fault_names_file_line_and_field(
    tmp_path: Path, name: str, old: str, new: str, expected: str
) -> None:
    text = CSV if name == "csv" else FILES[f"{name}.yml"]
    assert text.count(old) == 1
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, **{name: text.replace(old, new)})
    assert expected in str(caught.value)


def test_shares_from_a_stage_are_no_more_than_all(tmp_path: Path) -> None:
    twice = PATHS + "    - {from: lead, to: lead, share: 0.9}\n"
    with pytest.raises(DefinitionError, match=r"the shares from shop lead sum to 1\.1"):
        load(tmp_path, paths=twice)


CELLS = st.one_of(st.text(max_size=8), st.sampled_from(["217500016", "75056", "a.example", "1"]))


@given(
    header=st.lists(st.sampled_from([*COLUMNS, "other"]), max_size=5),
    lines=st.lists(st.lists(CELLS, max_size=5), max_size=5),
)
def test_any_file_loads_or_is_refused_by_line(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], lines: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "target_accounts.csv"
    text = "\n".join(",".join(cells) for cells in [header, *lines])
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        targets = read_csv(path)
    except DefinitionError as error:
        assert error.faults and all(fault.startswith(f"{path}:") for fault in error.faults)
    else:
        assert all(
            set(given) & {"siren", "insee_code", "crm_id", "domain"} for _, given in targets.lines
        )
        assert [row.position for row in targets.rows()] == sorted({n for n, _ in targets.lines})
