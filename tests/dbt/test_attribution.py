"""Attribution: golden values, a slow oracle, conservation, and what becomes of hostile input."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl.publish.views import macros
from tests.dbt import attribution_oracle as oracle
from tests.dbt import attribution_world as world
from tests.dbt.attribution_world import AT, PathSet, deal, touch
from tests.dbt.lakehouse import Lakehouse
from workspace.definitions.attribution import MODELS, RULE_MODELS

#: Path sets an example; `make torture` makes ten thousand in all.
BATCH = 500

GOLDEN = {
    "first": (800, 0, 120),
    "last": (0, 100, 820),
    "last_non_direct": (0, 100, 820),
    "linear": (333.3333, 183.3333, 403.3333),
    "position": (360, 130, 430),
    "time_decay": (190.4762, 180.9524, 548.5714),
    "markov": (201.5048, 198.8931, 519.6021),
    "shapley": (268.3572, 49.1507, 602.4921),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    return world.empty(tmp_path_factory.mktemp("attribution"), target)


@pytest.fixture(scope="module")
def golden(base: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """The golden example from fct_touchpoints and fct_deals on, through all marts and checks."""
    house = base.copied(tmp_path_factory.mktemp("golden"))
    touches, deals = world.golden()
    house.put("marts.fct_touchpoints", touches)
    house.put("marts.fct_deals", deals)
    return everything(house)


def everything(house: Lakehouse) -> Lakehouse:
    facts = ["int_attribution_conversions", "int_attribution_touches"]
    house.run("int_months", "int_reporting_windows", *facts, *world.PATHS)
    world.fit(house)
    house.build(*world.CREDITS, "int_attribution_unit_credits", tests="cautious")
    world.draw(house)
    marts = [mart for mart in world.MARTS if mart != "kpi_monthly"]
    return house.build("int_attribution_confidence", *marts, tests="cautious")


@pytest.fixture
def house(base: Lakehouse, tmp_path: Path) -> Lakehouse:
    return base.copied(tmp_path)


def credit(house: Lakehouse, model: str) -> dict[str, float]:
    rows = house.rows(
        f"select channel, sum(credit)::double from marts.attribution_credits "
        f"where model = '{model}' group by 1"
    )
    return dict(rows)


@pytest.mark.parametrize("model", GOLDEN)
def test_golden(golden: Lakehouse, model: str) -> None:
    found = credit(golden, model)
    assert sum(found.values()) == pytest.approx(920, abs=1e-9)
    assert [found.get(c, 0) for c in "ABC"] == pytest.approx(GOLDEN[model], abs=6e-5 * 14)


def test_golden_facts(golden: Lakehouse) -> None:
    rows = golden.rows(
        "select channel, removal_effect, markov_global_share * 920, conversion_probability "
        "from marts.attribution_effects order by 1"
    )
    assert [row[1] for row in rows] == pytest.approx([0.354167, 0.619048, 0.857143], abs=5e-7)
    assert [row[2] for row in rows] == pytest.approx([178.0163, 311.1545, 430.8293], abs=5e-5)
    assert rows[0][3] == pytest.approx(14 / 55)
    paths = golden.rows(
        "select count(*), count(conversion_id) from intermediate.int_attribution_paths"
    )
    assert paths == [(55, 14)]


def test_the_score_is_its_parts(golden: Lakehouse) -> None:
    rows = golden.rows(
        "select part, value, is_weakest from intermediate.int_attribution_confidence as monthly "
        "cross join lateral (values ('identity', identity, false)) as t(part, value, is_weakest) "
        "where scope = 'company' and metric_window = 'trailing_12m' and month = date '2026-03-01'"
    )
    assert rows == [("identity", 1.0, False)]
    parts = golden.rows(
        "select identity, coverage, quality, stability, agreement, score, conservation "
        "from intermediate.int_attribution_confidence "
        "where scope = 'medical' and metric_window = 'month' and month = date '2026-03-01'"
    )[0]
    weights = (0.30, 0.25, 0.15, 0.20, 0.10)
    expected = 100 * sum(w * p for w, p in zip(weights, parts[:5], strict=True))
    assert parts[5] == pytest.approx(expected) and parts[6] == 1
    assert parts[1] == 1 and 0 < parts[3] < 1
    shares = {m: [value / 920 for value in GOLDEN[m]] for m in GOLDEN}
    compared = ["linear", "time_decay", "position", "markov", "shapley"]
    distances = [
        sum(abs(a - b) for a, b in zip(shares[x], shares[y], strict=True)) / 2
        for i, x in enumerate(compared)
        for y in compared[i + 1 :]
    ]
    assert parts[4] == pytest.approx(1 - sum(distances) / len(distances), abs=1e-6)


def test_intervals_hold_the_share_and_places_are_shares_of_replicates(golden: Lakehouse) -> None:
    rows = golden.rows(
        "select name, share, share_low, share_high, rank_stability, replicates "
        "from marts.attribution_intervals where scope = 'medical' and level = 'channel' "
        "and model = 'linear'"
    )
    assert {row[0] for row in rows} == {"A", "B", "C"}
    for _, share, low, high, stability, replicates in rows:
        assert 0 <= low <= share <= high <= 1 and 0 <= stability <= 1 and replicates == 50
    assert sum(row[1] for row in rows) == pytest.approx(1)


# ---- what makes a path -----------------------------------------------------------------------


def built(house: Lakehouse, touches: list[dict], deals: list[dict]) -> Lakehouse:
    house.put("marts.fct_touchpoints", touches)
    house.put("marts.fct_deals", deals)
    facts = ["int_attribution_conversions", "int_attribution_touches"]
    return house.run(*facts, *world.PATHS).build(*world.CREDITS, tests="cautious")


def ago(days: float = 0, minutes: float = 0):
    return AT - timedelta(days=days, minutes=minutes)


def test_what_is_a_touch(house: Lakehouse) -> None:
    touches = [
        touch("visit", "u", ago(3), "email", campaign="News"),
        touch("same visit", "u", ago(3, -29), "email", campaign="News"),
        touch("other campaign", "u", ago(3, -5), "email", campaign="Promo"),
        touch("other person", "u", ago(3, -5), "email", campaign="News", contact_id="colleague"),
        touch("visit again", "u", ago(3, -60), "email", campaign="News"),
        touch("machine", "u", ago(2), "email", actor_class="machine"),
        touch("unsure", "u", ago(2, 1), "press", actor_class="unsure"),
        touch("open", "u", ago(2), "email", touch_type="email_open"),
        touch("unknown", "u", ago(2), "unknown"),
        touch("nobody", "u", ago(2), "email", contact_id=None, account_id=None),
        touch("later", "u", ago(-0.001), "email"),
        touch("too early", "u", ago(90.001), "email"),
        touch("just in time", "u", ago(90), "social"),
    ]
    built(house, touches, [deal("d", "u", AT, 100)])
    rows = house.rows(
        "select touch_id, is_in_lookback from marts.attribution_touchpoints order by touched_at, 1"
    )
    assert [row[0] for row in rows if row[1]] == [
        "just in time",
        "visit",
        "other campaign",
        "other person",
        "visit again",
        "unsure",
    ]
    assert {row[0] for row in rows if not row[1]} == {"too early", "unattributed"}


def test_a_conversion_without_a_touch_is_kept(house: Lakehouse) -> None:
    deals = [deal("alone", "u", AT, 100), deal("nobody's", None, AT, 50)]
    built(house, [touch("old", "u", ago(200), "email")], deals)
    rows = house.rows(
        "select channel, model, sum(credit) from marts.attribution_credits group by all"
    )
    assert sorted(rows) == sorted(("unattributed", model, 150) for model in MODELS)


def test_a_path_begins_after_the_conversion_before(house: Lakehouse) -> None:
    touches = [touch(f"t{n}", "u", ago(n), "email") for n in (1, 10, 20)]
    deals = [
        deal("second", "u", AT, 100),
        deal("first", "u", ago(10), 50),
        deal("first too", "u", ago(10), 5),
    ]
    built(house, touches, deals)
    rows = house.rows(
        "select source_id, touch_id, is_new_customer from marts.attribution_touchpoints "
        "join intermediate.int_attribution_conversions using (conversion_id, is_new_customer) "
        "where is_in_lookback order by 1, 2"
    )
    assert rows == [
        ("first", "t10", True),
        ("first", "t20", True),
        ("first too", "t10", True),
        ("first too", "t20", True),
        ("second", "t1", False),
    ]


def test_null_paths_are_complete_and_the_others_are_left_out(house: Lakehouse) -> None:
    end = world.worlds.AS_OF
    touches = [
        touch("long ago", "null", end - timedelta(days=91), "email"),
        touch("longer ago", "null", end - timedelta(days=100), "direct"),
        touch("out of reach", "null", end - timedelta(days=200), "press"),
        touch("still open", "censored", end - timedelta(days=89), "email"),
        touch("won in time", "won", ago(30), "email"),
        touch("won too late", "late", ago(120), "email"),
        touch("after the deal", "again", ago(20), "email"),
    ]
    deals = [
        deal("d1", "won", AT, 1),
        deal("d2", "late", AT, 1),
        deal("d3", "again", ago(30), 1),
    ]
    built(house, touches, deals)
    rows = house.rows(
        "select unit_id, path, channels, conversion_id is not null "
        "from intermediate.int_attribution_paths order by 1, 4"
    )
    assert rows == [
        ("again", "email", "email", False),
        ("late", "email", "email", False),
        ("null", "direct>email", "direct>email", False),
        ("won", "email", "email", True),
    ]


def test_spend_without_credit_and_credit_without_spend(house: Lakehouse) -> None:
    house.put(
        "intermediate.int_ad_months",
        [
            {
                "campaign_id": "google/1/c",
                "vertical": "medical",
                "month": AT.date().replace(day=1),
                "channel": "paid_search",
                "spend_known": 50,
                "unknown_spend": 0,
            },
            {
                "campaign_id": "google/1/lost",
                "vertical": "medical",
                "month": AT.date().replace(day=1),
                "channel": "display",
                "spend_known": 10,
                "unknown_spend": 1,
            },
        ],
    )
    campaign = {"campaign_id": "google/1/c", "platform_campaign_id": "brand"}
    house.put("intermediate.int_campaign_channels", [campaign])
    touches = [
        touch("ad", "u", ago(1), "paid_search", campaign="Brand", touch_type="ad_click"),
        touch("mail", "u", ago(2), "email"),
    ]
    built(house, touches, [deal("d", "u", AT, 100)])
    rows = house.rows(
        "select channel, campaign_id, credit_base, new_customer_credit_base, spend_base, roas, roi "
        "from marts.attribution_roi where model = 'linear' and spend_base is distinct from -50 "
        "order by 1, 2"
    )
    by_name = {row[:2]: row[2:] for row in rows}
    assert by_name["paid_search", "google/1/c"] == (50, 50, 50, 1, 0)
    assert by_name["email", "without_campaign"] == (50, 50, 0, None, None)
    assert by_name["display", "google/1/lost"] == (0, 0, None, None, None)


# ---- the oracle, conservation ----------------------------------------------------------------


def test_every_model_is_the_oracles(house: Lakehouse) -> None:
    sets = [PathSet(n, 1000 + n) for n in range(120)]
    world.put_sets(house, sets)
    rows = house.rows(
        "select conversion_id, model, touch_id, weight, credit from marts.attribution_credits"
    )
    found = {(conversion, model, name): (w, c) for conversion, model, name, w, c in rows}
    expected = 0
    for path_set in sets:
        for name, conversion in path_set.conversions.items():
            way = oracle.path(path_set.touches[name], conversion, path_set.lookback)
            for model in (*RULE_MODELS, "markov"):
                shares = oracle.weights(model, way, conversion, path_set.half_life, path_set.facts)
                for one, share in zip(way, shares, strict=True):
                    weight, credited = found[name, model, one.touch_id]
                    assert weight == pytest.approx(share, abs=1e-9), (name, model, one)
                    if path_set.revenue[name] is None:
                        assert credited is None
                    else:
                        amount = float(path_set.revenue[name])
                        assert float(credited) == pytest.approx(amount * share, abs=0.005)
                    expected += 1
    assert expected == sum(1 for key in found if key[1] != "shapley")


def conserved(house: Lakehouse, sets: list[PathSet]) -> None:
    """Each conversion of each model to the last digit, and so every grain."""
    world.put_sets(house, sets)
    assert house.rows(house.statement("attribution_conserves_revenue")) == []
    assert house.rows(house.statement("attribution_roi_sums_to_revenue")) == []
    grains = ["vertical", "channel", "converted_on", "touch_id", "campaign_id", "currency"]
    for grain in grains:
        wrong = house.rows(
            f"""
            with parts as (
                select model, {grain}, sum(credit) as credit, sum(credit_base) as credit_base
                from marts.attribution_credits group by all
            )
            select model, sum(credit), sum(credit_base) from parts group by model
            having sum(credit) is distinct from
                (select sum(revenue) from intermediate.int_attribution_conversions)
            or sum(credit_base) is distinct from
                (select sum(revenue_base) from intermediate.int_attribution_conversions)
            """
        )
        assert wrong == [], grain


@given(st.integers(0, 2**32))
@settings(
    deadline=None, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_revenue_is_conserved(house: Lakehouse, seed: int) -> None:
    conserved(house, [PathSet(n, seed + n) for n in range(BATCH)])


@pytest.mark.torture
@given(st.integers(0, 2**32))
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_revenue_is_conserved_on_ten_thousand_path_sets(house: Lakehouse, seed: int) -> None:
    conserved(house, [PathSet(n, seed + n) for n in range(BATCH)])


def test_the_check_finds_what_is_lost(house: Lakehouse) -> None:
    world.put_sets(house, [PathSet(n, n) for n in range(20)])
    house.rows(
        "update marts.attribution_credits set credit_base = credit_base + 0.0001 "
        "where rowid = (select max(rowid) from marts.attribution_credits "
        "where model = 'linear' and credit_base is not null)"
    )
    rows = house.rows(house.statement("attribution_conserves_revenue"))
    assert [row[1] for row in rows] == ["linear"]


# ---- the macro -------------------------------------------------------------------------------


def asked(house: Lakehouse, query: str) -> list[tuple]:
    """A query beside the published macro."""
    for text in macros({"attribution_touchpoints", "attribution_models"}):
        house.rows(text.replace("create macro", "create or replace macro"))
    return house.rows(query)


ALWAYS = "date '2000-01-01', date '2100-01-01'"


def test_the_macro_is_the_mart(house: Lakehouse) -> None:
    rng = random.Random(3)
    sets = [PathSet(n, rng.randrange(10**9)) for n in range(80)]
    for path_set in sets:
        path_set.lookback, path_set.half_life = 90.0, 7.0
    world.put_sets(house, sets)
    for model in RULE_MODELS:
        columns = "conversion_id, touch_id, credit, credit_base"
        wrong = asked(
            house,
            f"""
            with asked as (select {columns} from attribution('{model}', 90, 7, {ALWAYS})),
            made as (
                select {columns} from marts.attribution_credits where model = '{model}'
            )
            (from asked except all from made) union all (from made except all from asked)
            """,
        )
        assert wrong == [], model


@pytest.mark.parametrize(("lookback", "half_life"), [(1, 0.001), (30, 3.5), (365, 1000)])
def test_the_macro_takes_any_lookback(house: Lakehouse, lookback: float, half_life: float) -> None:
    sets = [PathSet(n, 50 + n) for n in range(40)]
    world.put_sets(house, sets)
    for model in RULE_MODELS:
        rows = asked(
            house,
            "select conversion_id, touch_id, weight from "
            f"attribution('{model}', {lookback}, {half_life}, {ALWAYS})",
        )
        found = {row[:2]: row[2] for row in rows}
        for path_set in sets:
            for name, conversion in path_set.conversions.items():
                way = oracle.path(path_set.touches[name], conversion, lookback)
                shares = oracle.weights(model, way, conversion, half_life, path_set.facts)
                for one, share in zip(way, shares, strict=True):
                    assert found.pop((name, one.touch_id)) == pytest.approx(share, abs=1e-9)
        assert found == {}


def test_the_macro_takes_conversions_from_and_up_to(golden: Lakehouse) -> None:
    total = "select sum(credit)::double from attribution('linear', 90, 7, timestamp '{}', '{}')"
    noon = AT.isoformat()
    assert asked(golden, total.format(noon, "2026-03-03")) == [(920,)]
    assert asked(golden, total.format("2026-03-01", noon)) == [(None,)]


@pytest.mark.parametrize("rows", ["count(*)", "1", "*"])
@pytest.mark.parametrize("time", [ALWAYS, "date '2050-01-01', date '2051-01-01'"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'linaer', 30, 7", "no model 'linaer'; one of first, last"),
        ("null, 30, 7", "no model NULL"),
        ("'markov', 30, 7", "markov is data-driven; read it from attribution_credits"),
        ("'linear', -1, 7", "lookback_days must be over 0 and at most 365, not -1"),
        ("'linear', 366, 7", "not 366"),
        ("'linear', null, 7", "lookback_days must be over 0 and at most 365, not NULL"),
        ("'time_decay', 30, 0", "half_life_days must be over 0, not 0"),
        ("'linear', 30, 'nan'::double", "half_life_days must be over 0, not nan"),
    ],
)
def test_the_macro_says_what_is_wrong(
    golden: Lakehouse, arguments: str, message: str, time: str, rows: str
) -> None:
    with pytest.raises(Exception, match=message):
        asked(golden, f"select {rows} from attribution({arguments}, {time})")


def test_the_macro_refuses_a_period_that_ends_before_it_begins(golden: Lakehouse) -> None:
    with pytest.raises(Exception, match="from_at must not lie after to_at"):
        asked(golden, "from attribution('last', 9, 7, date '2026-02-01', date '2026-01-01')")


# ---- intervals -------------------------------------------------------------------------------

SAMPLES, UNITS = 40, 300


def test_intervals_cover_the_large_sample_value(house: Lakehouse) -> None:
    """Samples of the golden example's units: the shares of all are those of the example itself."""
    rng = random.Random(11)
    kinds = [(c, amount) for c, units, amount in world.GOLDEN for _ in range(units)]
    conversions, touches = [], []
    for sample in range(SAMPLES):
        for n in range(UNITS):
            channels, amount = rng.choice(kinds)
            name, vertical = f"{sample}-{n}", f"sample-{sample}"
            for i, channel in enumerate(channels):
                touches.append(
                    {
                        "touch_id": f"{name}-{i}",
                        "vertical": vertical,
                        "unit_id": name,
                        "contact_id": name,
                        "channel": channel,
                        "occurred_at": ago(7 * (len(channels) - 1 - i)),
                    }
                )
            if amount is not None:
                conversions.append(
                    {
                        "conversion_id": name,
                        "goal": "deal_won",
                        "vertical": vertical,
                        "unit_id": name,
                        "converted_at": AT,
                        "converted_on": AT.date(),
                        "revenue": amount,
                        "revenue_base": amount,
                        "lookback_days": 90.0,
                        "half_life_days": 7.0,
                    }
                )
    house.put("intermediate.int_attribution_conversions", conversions)
    house.put("intermediate.int_attribution_touches", touches)
    house.rows(
        "insert into lake.parameters by name select definition, definition_hash, collection, "
        "'sample-' || n as key, position, value, known_at "
        f"from lake.parameters cross join range({SAMPLES}) as r(n) "
        "where collection = 'attribution_verticals' and key = 'medical'"
    )
    house.run(*world.PATHS)
    world.fit(house)
    house.run("attribution_credits", "int_attribution_unit_credits")
    world.draw(house)
    house.run("attribution_intervals")
    for model in ("linear", "position", "time_decay", "markov", "shapley"):
        rows = house.rows(
            "select name, share_low, share_high from marts.attribution_intervals "
            f"where level = 'channel' and model = '{model}' and starts_with(scope, 'sample')"
        )
        true = dict(zip("ABC", (value / 920 for value in GOLDEN[model]), strict=True))
        held = sum(low <= true[name] <= high for name, low, high in rows)
        # 120 intervals at 90 %, those of one sample not independent of one another.
        assert 0.8 <= held / len(rows) <= 0.98, (model, held, len(rows))
