"""The published macro and `marketing attribution`, over a small warehouse of its own."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.attribution.questions import BadQuestion, Question, side_by_side
from reverse_etl.publish import Catalogue, NothingPublished, Relation, ensure_root, publish
from reverse_etl.publish.views import macros
from workspace import settings
from workspace.paths import Paths

MARTS = ("attribution_touchpoints", "attribution_models", "attribution_credits", "attribution_roi")
CATALOGUE = Catalogue([Relation("marts", name, f"One row per {name}.") for name in MARTS])
#: One conversion worth 100: mail ten days before it, direct one day before it.
WAREHOUSE = """
create schema marts; create schema pii;
create table marts.attribution_models as
select * from (values
    ('position', '{"first": 0.4, "middle": 0.2, "last": 0.4}'),
    ('w_shaped', '{"first": 0.3, "lead": 0.3, "opportunity": 0.3, "rest": 0.1}')
) as t(model, parameters);
create table marts.attribution_touchpoints as
select
    'c' as conversion_id, touch_id, 'deal_won' as goal, 'medical' as vertical, 'u' as unit_id,
    'p' as contact_id, 'session' as touch_type, channel, null::varchar as campaign, campaign_id,
    timestamp '2026-03-01' - to_days(coalesce(age, 0)) as touched_at,
    timestamp '2026-03-01' as converted_at, date '2026-03-01' as converted_on,
    age::double as age_days, before::double as previous_age_days, 1::double as last_age_days,
    10::double as last_non_direct_age_days, touches_after, channel = 'email' as is_last_non_direct,
    false as is_lead_touch, false as is_opportunity_touch, 100::decimal(18, 4) as revenue,
    'EUR' as currency, 100::decimal(18, 4) as revenue_base, true as is_new_customer
from (values
    ('a', 'email', 'mailing', 10, null, 1), ('b', 'direct', null, 1, 10, 0),
    ('unattributed', 'unattributed', null, null, null, 0)
) as t(touch_id, channel, campaign_id, age, before, touches_after);
create table marts.attribution_credits as
select 'medical' as vertical, model, channel, campaign_id, converted_on, 50::decimal(18, 4)
    as credit_base
from marts.attribution_touchpoints, unnest(['linear', 'markov']) as t(model)
where touch_id != 'unattributed';
create table marts.attribution_roi as select 'medical' as vertical, 'EUR' as currency;
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "a workspace"
    paths = settings.load(folder).paths
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(WAREHOUSE)
    publish(paths.warehouse, paths, CATALOGUE, datetime(2026, 4, 1), {})
    return folder


def marketing(workspace: Path, *arguments: object) -> Result:
    command = ["attribution", "--workspace", str(workspace), *map(str, arguments)]
    return CliRunner().invoke(app, command)


def test_models_stand_side_by_side(workspace: Path) -> None:
    answer = side_by_side(Paths(workspace), Question(("markov", "linear")))
    assert answer.models == ("markov", "linear") and answer.currency == "EUR"
    assert answer.rows == [
        ("direct", (Decimal(50), Decimal(50))),
        ("email", (Decimal(50), Decimal(50))),
    ]


def test_other_days_are_asked_of_the_macro(workspace: Path) -> None:
    answer = side_by_side(Paths(workspace), Question(("first", "time_decay"), half_life_days=9))
    assert dict(answer.rows) == {
        "direct": (Decimal(0), Decimal("66.6667")),
        "email": (Decimal(100), Decimal("33.3333")),
    }
    near = side_by_side(Paths(workspace), Question(("first",), lookback_days=5))
    assert near.rows == [("direct", (Decimal(100),))]
    none = side_by_side(Paths(workspace), Question(("last",), lookback_days=0.5))
    assert none.rows == [("unattributed", (Decimal(100),))]


def test_campaigns_and_periods(workspace: Path) -> None:
    by_campaign = side_by_side(Paths(workspace), Question(("linear",), by="campaign"))
    assert [name for name, _ in by_campaign.rows] == ["mailing", "without_campaign"]
    day = date(2026, 3, 1)
    assert side_by_side(Paths(workspace), Question(to_on=day)).rows == []
    assert len(side_by_side(Paths(workspace), Question(from_on=day)).rows) == 2


def test_the_table_has_a_total(workspace: Path) -> None:
    result = marketing(workspace, "--model", "linear")
    assert result.exit_code == 0, result.output
    assert "Credited revenue, EUR" in result.output
    assert "100" in result.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "linaer"], "no model 'linaer'; did you mean 'linear'?"),
        (["--half-life-days", 0], "half_life_days must be over 0"),
        (["--lookback-days", -30], "lookback_days must be over 0 and at most 365"),
        (["--lookback-days", 366], "not 366"),
        (["--lookback-days", "nan"], "lookback_days must be over 0"),
        (["--model", "markov", "--lookback-days", 30], "markov is data-driven"),
        (["--vertical", "medcal"], "no vertical 'medcal'; did you mean 'medical'?"),
        (["--by", "touch"], "one of channel, campaign"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "lies after"),
    ],
)
def test_what_cannot_be_asked(workspace: Path, arguments: list[object], message: str) -> None:
    result = marketing(workspace, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_before_anything_is_published(tmp_path: Path) -> None:
    result = marketing(tmp_path / "new")
    assert result.exit_code == 2 and "marketing run" in result.output
    with pytest.raises(NothingPublished):
        side_by_side(Paths(tmp_path / "new"), Question())


def test_bad_questions_name_what_there_is(workspace: Path) -> None:
    with pytest.raises(BadQuestion, match="one of first, last"):
        side_by_side(Paths(workspace), Question(("u_shaped",)))


def test_the_macro_moves_with_the_folder(workspace: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(workspace, moved)
    assert ensure_root(Paths(moved))
    with duckdb.connect(str(moved / "published" / "marketing.duckdb"), read_only=True) as reader:
        rows = reader.execute(
            "select touch_id, credit from attribution('linear', 30, 7, date '2026-01-01', "
            "date '2026-04-01') order by 1"
        ).fetchall()
    assert rows == [("a", 50), ("b", 50)]


def test_a_macro_waits_for_its_views() -> None:
    assert macros({"attribution_models"}) == []
    assert len(macros({"attribution_models", "attribution_touchpoints"})) == 1
