"""Marts by other parameters are what a build with them would have made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_project import what_if
from reverse_etl.planning import scores
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.scores_world import MODELS, drawn_in
from workspace import definitions, warehouse
from workspace.definitions.reading import Row
from workspace.definitions.scoring import Scoring

SCORING = definitions.load(worlds.MARKETING).scoring
PLAIN = SCORING.model_dump(mode="json", by_alias=True, exclude_none=True)


def changed(**parts: dict) -> list[Row]:
    return list(Scoring.model_validate({**PLAIN, **parts}).rows())


HARSHER = changed(
    lead={
        **PLAIN["lead"],
        "half_life_days": 5,
        "bands": [
            {"band": "hot", "from": 30, "route": "direct_sales"},
            {"band": "warm", "from": 12, "route": "inside_sales"},
            {"band": "cold", "from": 0, "route": "newsletter"},
        ],
    },
    engagement={**PLAIN["engagement"], "recency_half_life_days": 3},
    stages={**PLAIN["stages"], "interest": {"valid_days": 1, "touches": ["content_download"]}},
)


@pytest.fixture(scope="module")
def scored(busy: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    house, _ = drawn_in(busy, tmp_path_factory.mktemp("scored"), seed=11)
    house.rows("force checkpoint")
    return house


def test_other_parameters_give_what_a_build_with_them_gives(
    scored: Lakehouse, tmp_path: Path
) -> None:
    built = scored.copied(tmp_path)
    others = built.rows("select * from lake.parameters where definition <> 'scoring'")
    rows = [
        {
            "definition": "scoring",
            "definition_hash": "x",
            "collection": row.collection,
            "key": row.key,
            "position": row.position,
            "value": row.json,
            "known_at": worlds.AS_OF,
        }
        for row in HARSHER
    ]
    names = [column[0] for column in built.rows("describe lake.parameters")]
    built.put("lake.parameters", [*(dict(zip(names, row, strict=True)) for row in others), *rows])
    built.run(*MODELS)
    before = scored.rows("select count(*), bit_xor(hash(s)) from marts.lead_scores as s")
    with warehouse.attached(scored.path, read_only=True) as connection:
        then = what_if.recompute(connection, scored.project, {"scoring": HARSHER}, scores.MARTS)
        assert list(then) == list(scores.MARTS)
        for mart, relation in then.items():
            place = str(built.path).replace("'", "''")
            connection.execute(f"attach if not exists '{place}' as built (read_only)")
            columns = [c[:2] for c in connection.execute(f"describe {relation}").fetchall()]
            # Sums are added up in no fixed order.
            key = ", ".join(f"round({n}, 6)" if kind == "DOUBLE" else n for n, kind in columns)
            mine = connection.execute(f"select {key} from {relation} order by all").fetchall()
            real = connection.execute(f"select {key} from built.marts.{mart} order by all")
            assert mine == real.fetchall() and len(mine) > 50, mart
    assert scored.rows("select count(*), bit_xor(hash(s)) from marts.lead_scores as s") == before


def test_what_reads_nothing_that_differs_stays(scored: Lakehouse) -> None:
    lead = {**PLAIN["lead"], "qualified_from": 51}
    with warehouse.attached(scored.path, read_only=True) as connection:

        def again(rows: list[Row]) -> dict[str, str]:
            return what_if.recompute(connection, scored.project, {"scoring": rows}, scores.MARTS)

        assert again(list(SCORING.rows())) == {}
        assert list(again(changed(lead=lead))) == ["lead_scores"]
        weights = {**PLAIN["engagement"], "full_channels": 3}
        assert list(again(changed(engagement=weights))) == ["engagement_scores"]
        # No score asks for what an organisation is made of.
        assert again(changed(accounts={**PLAIN["accounts"], "others_for_stage": 3})) == {}


def test_moves_between_bands_add_up(scored: Lakehouse) -> None:
    with warehouse.attached(scored.path, read_only=True) as connection:
        then = what_if.recompute(connection, scored.project, {"scoring": HARSHER}, scores.MARTS)
        lead, engagement, stages = scores.compare(connection, then, (20, 10))
        was, will = (
            dict(connection.execute(f"select contact_id, band from {name}").fetchall())
            for name in ("marts.lead_scores", then["lead_scores"])
        )
    assert lead.contacts == len(was) > 50
    moved = [contact for contact in was if was[contact] != will[contact]]
    assert sum(move.contacts for move in lead.moves) == len(moved) > 0
    for move in lead.moves:
        assert (move.before, move.after) in {(was[c], will[c]) for c in moved}
    assert len(moved) <= lead.changed <= lead.contacts
    sizes = [abs(one.score_after - one.score_before) for one in lead.largest]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) <= scores.SHOWN
    assert {move.before for move in engagement.moves} <= {"engaged", "not engaged"}
    assert stages.score == "buyer_stages"


@pytest.mark.parametrize("limits", [(20.0, 20.0), (20.0, 0.0)])
def test_another_limit_of_engagement_moves_by_itself(
    scored: Lakehouse, limits: tuple[float, float]
) -> None:
    with warehouse.attached(scored.path, read_only=True) as connection:
        found = scores.compare(connection, {}, limits)
    if limits[0] == limits[1]:
        assert found == []
        return
    (moved,) = found
    below = scored.one("select count(*) from marts.engagement_scores where engagement_score < 20")
    assert moved.changed == sum(move.contacts for move in moved.moves) == below > 0
    assert moved.largest == [] and moved.mean_change == 0


def test_a_warehouse_that_no_run_finished_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(what_if.NoWarehouse, match="marketing run"),
        what_if.opened(tmp_path / "none.duckdb"),
    ):
        pass
    path = tmp_path / "warehouse.duckdb"
    warehouse.begin_build(path, "dbt_marts")
    with warehouse.connect(path) as connection:
        connection.execute("create schema lake; create table lake.run_context as select 1 as x")
    with pytest.raises(what_if.NoWarehouse, match="did not finish"), what_if.opened(path):
        pass
    warehouse.end_build(path, "dbt_marts", [], {})
    with what_if.opened(path) as connection:
        assert connection.execute("select x from lake.run_context").fetchall() == [(1,)]
        with pytest.raises(Exception, match="read-only"):
            connection.execute("create table lake.y as select 1")


def test_parameters_are_json_alike() -> None:
    """A file that did not change gives the very rows that a run stored."""
    again = Scoring.model_validate(json.loads(json.dumps(PLAIN)))
    assert [row.json for row in again.rows()] == [row.json for row in SCORING.rows()]
