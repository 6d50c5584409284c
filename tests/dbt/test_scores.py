"""Engagement, lead scores, buyer stages: golden values, a slow oracle, what must always hold."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dbt import scores_oracle as oracle
from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.dbt.scores_oracle import Touch
from tests.dbt.scores_world import MODELS, drawn_in
from workspace import definitions
from workspace.definitions.scoring import BUYER_STAGES
from workspace.definitions.touchpoints import TOUCH_TYPES

AT = worlds.AS_OF
SCORING = definitions.load(worlds.MARKETING).scoring
COMPONENTS = ("recency", "frequency", "depth", "breadth", "intent")

touches = st.builds(
    Touch,
    touch_id=st.uuids().map(str),
    touch_type=st.sampled_from(TOUCH_TYPES),
    at=st.floats(0.001, 400).map(lambda days: AT - timedelta(days=days)),
    channel=st.sampled_from(["direct", "email", "social", "events", "webinar", "unknown"]),
    topic=st.sampled_from([None, "a", "b", "c", "d", "e", "f"]),
    depth=st.floats(0, 1),
    actor_class=st.sampled_from(["human", "unsure"]),
)
paths = st.lists(touches, max_size=25)


def engaged(path: list[Touch], at: datetime = AT) -> dict[str, float]:
    return oracle.engagement(path, at, SCORING.engagement)


def test_engagement_by_hand() -> None:
    path = [
        Touch("a", "pricing_view", AT - timedelta(days=14), "email", "x", 0.5),
        Touch("b", "roi_calculator", AT - timedelta(days=35), "social", None, 1),
    ]
    found = engaged(path)
    assert found["recency"] == pytest.approx(50)
    # 1 - exp(-(2^(-14/30) + 2^(-35/30)) / 6)
    assert found["frequency"] == pytest.approx(17.704, abs=1e-3)
    assert found["depth"] == pytest.approx(75)
    assert found["breadth"] == pytest.approx(50 * 2 / 4 + 50 * 1 / 5)
    # (10 x 2^(-14/21) + 15 x 2^(-35/21)) / 40
    assert found["intent"] == pytest.approx(27.561, abs=1e-3)
    assert found["score"] == pytest.approx(0.25 * (50 + 17.704 + 27.561) + 11.25 + 3.5, abs=1e-3)


@given(paths)
def test_engagement_is_bounded_and_nobody_is_zero(path: list[Touch]) -> None:
    for value in engaged(path).values():
        assert 0 <= value <= 100 + 1e-9
    assert (engaged(path)["score"] == 0) == (not path) or engaged(path)["score"] < 1e-6


@given(paths, touches)
def test_a_human_touch_lowers_nothing_but_depth(path: list[Touch], more: Touch) -> None:
    before, after = engaged(path), engaged([*path, more])
    for name in COMPONENTS:
        if name != "depth":
            assert after[name] >= before[name] - 1e-9


@given(paths, touches)
def test_a_machine_changes_nothing(path: list[Touch], more: Touch) -> None:
    machine = Touch(**{**vars(more), "actor_class": "machine"})
    assert engaged([*path, machine]) == engaged(path)
    assert oracle.stage([*path, machine], AT, SCORING) == oracle.stage(path, AT, SCORING)


@given(paths, st.floats(0.01, 100))
def test_engagement_decays(path: list[Touch], days: float) -> None:
    assert engaged(path, AT + timedelta(days=days))["score"] <= engaged(path)["score"] + 1e-9


def test_bounds_belong_to_the_band_above() -> None:
    bands = {80: "hot", 79.6: "warm", 50: "warm", 49.999: "cool", 20: "cool", 19.9: "cold"}
    assert {score: oracle.band_of(score, SCORING.lead) for score in bands} == bands


@settings(max_examples=300)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_a_held_band_is_the_best_of_the_last_days(scores: list[float]) -> None:
    """Why three days are enough to know a band that has a memory."""
    last = scores[-SCORING.lead.down_after_days :]
    assert oracle.held_band(scores, SCORING.lead) == oracle.band_of(max(last), SCORING.lead)


# --- the models against the oracle -------------------------------------------------------------


@pytest.fixture(scope="module")
def made(
    busy: Lakehouse, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lakehouse, dict[str, list[Touch]]]:
    """The busy lake's contacts with drawn touches, scored."""
    return drawn_in(busy, tmp_path_factory.mktemp("scored"), seed=7)


@pytest.fixture(scope="module")
def drawn(made: tuple[Lakehouse, dict[str, list[Touch]]]) -> dict[str, list[Touch]]:
    return made[1]


@pytest.fixture(scope="module")
def scored(made: tuple[Lakehouse, dict[str, list[Touch]]]) -> Lakehouse:
    return made[0]


def test_engagement_is_the_oracles(scored: Lakehouse, drawn: dict[str, list[Touch]]) -> None:
    names = ", ".join(COMPONENTS)
    rows = scored.rows(f"select contact_id, engagement_score, {names} from marts.engagement_scores")
    assert len(rows) == len(drawn) >= 80
    for contact, score, *parts in rows:
        expected = engaged(drawn[contact])
        assert score == pytest.approx(expected["score"], abs=1e-6), contact
        assert dict(zip(COMPONENTS, parts, strict=True)) == pytest.approx(
            {name: expected[name] for name in COMPONENTS}, abs=1e-6
        )


def test_evidence_is_what_counted(scored: Lakehouse, drawn: dict[str, list[Touch]]) -> None:
    rows = scored.rows("select contact_id, last_touch_ids from marts.engagement_scores")
    for contact, told in rows:
        human = oracle._human(drawn[contact], AT)[: SCORING.engagement.depth_touches]
        assert (told.split(",") if told else []) == [t.touch_id for t in human]


def test_behaviour_is_the_oracles_on_each_day(
    scored: Lakehouse, drawn: dict[str, list[Touch]]
) -> None:
    rows = scored.rows(
        "select contact_id, days_back, behavioural_points from intermediate.int_lead_totals"
    )
    assert {days for _, days, _ in rows} == {0, 1, 2, 3, 90, 180, 270, 360}
    for contact, days, points in rows:
        # Fields give nothing to this group in the shipped rules.
        at = AT - timedelta(days=days)
        assert points == pytest.approx(oracle.behaviour(drawn[contact], at, SCORING.lead), abs=1e-6)


def test_a_score_is_the_sum_of_its_contributions(scored: Lakehouse) -> None:
    wrong = scored.rows(
        """
        select scores.contact_id
        from marts.lead_scores as scores
        left join (
            select contact_id, rule_group, sum(points) as points
            from marts.lead_score_contributions group by all
        ) as given using (contact_id)
        group by scores.contact_id, lead_score
        having abs(lead_score - sum(greatest(0, least(
            case rule_group when 'behavioural' then 40 else 30 end, coalesce(points, 0)
        )))) > 1e-6
        """
    )
    assert wrong == []


def test_qualified_leads_are_so_at_that_moment(
    scored: Lakehouse, drawn: dict[str, list[Touch]]
) -> None:
    rows = scored.rows(
        "select contact_id, demographic_points + fit_points, qualified_at, created_at "
        "from marts.lead_scores join intermediate.int_contacts using (contact_id)"
    )
    found = 0
    for contact, base, qualified_at, created_at in rows:
        moments = sorted(t.at for t in oracle._human(drawn[contact], AT))
        after = timedelta(microseconds=1)
        reached = [
            m
            for m in moments
            if base + oracle.behaviour(drawn[contact], m + after, SCORING.lead) >= 50 - 1e-6
        ]
        expected = created_at if base >= 50 else (reached[0] if reached else None)
        assert qualified_at == expected, contact
        found += qualified_at is not None
    assert found > 3


@pytest.fixture(scope="module")
def calibrated(scored: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return scored.copied(tmp_path_factory.mktemp("calibrated"))


def test_calibration_is_a_slow_count(calibrated: Lakehouse, drawn: dict[str, list[Touch]]) -> None:
    with duckdb.connect(str(calibrated.path)) as connection:
        connection.execute(
            "update intermediate.int_contacts set created_at = ?::timestamp "
            "- to_days(cast(rowid % 5 * 90 as integer))",
            [AT],
        )
    rng = random.Random(11)
    people = calibrated.rows(
        "select contact_id, vertical, created_at, demographic_points + fit_points "
        "from marts.lead_scores join intermediate.int_contacts using (contact_id, vertical) "
        "order by contact_id"
    )
    stages = {"medical": ["mql", "sql", "demo"], "public": ["lead", "qualified", "pilot"]}
    sightings = [
        {
            "vertical": vertical,
            "contact_id": contact,
            "stage": rng.choice(stages[vertical]),
            "entered_at": AT - timedelta(days=rng.choice([90, 180, rng.uniform(0, 400)])),
        }
        for contact, vertical, *_ in people
        for _ in range(rng.choice([0, 1, 1, 2]))
    ]
    calibrated.put("intermediate.int_funnel_sightings", sightings)
    calibrated.run("lead_score_calibration")
    found = 0
    for vertical, (_, *goal) in stages.items():
        observed = []
        for contact, its, created_at, base in people:
            seen = [
                row["entered_at"]
                for row in sightings
                if row["contact_id"] == contact and row["stage"] in goal
            ]
            for days in (90, 180, 270, 360):
                at = AT - timedelta(days=days)
                if its != vertical or created_at >= at or (seen and min(seen) < at):
                    continue
                score = base + oracle.behaviour(drawn[contact], at, SCORING.lead)
                converted = bool(seen) and min(seen) < at + timedelta(days=90)
                observed.append((round(score, 6), converted))
        rows = calibrated.rows(
            "select group_kind, group_name, contacts, converted "
            f"from marts.lead_score_calibration where vertical = '{vertical}'"
        )
        expected = oracle.calibration(observed, SCORING.lead)
        assert {row[:2]: row[2:] for row in rows} == expected
        found += sum(converted for _, converted in observed)
    assert found > 10


def test_calibration_by_hand(calibrated: Lakehouse) -> None:
    """12 of 80 convert: 15 %, 8.8 to 24.4. A window has its first moment and not its last."""
    at, tick = AT - timedelta(days=90), timedelta(microseconds=1)
    after = {f"w{n}": (at + timedelta(days=n), "sql") for n in range(11)}
    after |= {"w11": (AT - tick, "paid"), "w12": (AT, "sql"), "w13": (at, "mql")}
    scores = {f"w{n}": 60 for n in range(80)} | {"before": 60, "new": 60, "k0": 10, "k1": 10}
    after |= {"before": (at - tick, "sql"), "k1": (at, "sql")}
    known = [
        {"contact_id": c, "vertical": "medical", "created_at": at if c == "new" else at - tick}
        for c in scores
    ]
    totals = [
        {"contact_id": c, "days_back": days, "lead_score": 99 if days < 90 else score}
        for c, score in scores.items()
        for days in (0, 3, 90)
    ]
    calibrated.put("intermediate.int_contacts", known)
    calibrated.put("intermediate.int_lead_totals", totals)
    sightings = [
        {"vertical": "medical", "contact_id": c, "stage": stage, "entered_at": seen_at}
        for c, (seen_at, stage) in after.items()
    ]
    calibrated.put("intermediate.int_funnel_sightings", sightings)
    calibrated.run("lead_score_calibration")
    assert calibrated.rows(
        "select group_name, position, contacts, converted, conversion_rate, "
        "round(conversion_rate_low, 3), round(conversion_rate_high, 3), is_in_order "
        "from marts.lead_score_calibration where group_kind = 'band' order by position"
    ) == [
        ("cold", 1, 2, 1, 0.5, 0.095, 0.905, None),
        ("warm", 2, 80, 12, 0.15, 0.088, 0.244, False),
    ]


def test_stages_are_the_oracles(scored: Lakehouse, drawn: dict[str, list[Touch]]) -> None:
    rows = scored.rows(
        "select contact_id, stage, since_at, expires_at, evidence_ids from marts.buyer_stages"
    )
    seen = set()
    for contact, stage, since_at, expires_at, evidence in rows:
        assert stage == oracle.stage(drawn[contact], AT, SCORING), contact
        seen.add(stage)
        if stage == "unaware":
            assert (since_at, expires_at, evidence) == (None, None, None)
            continue
        # It holds up to its last moment and not beyond.
        known = {t.touch_id for t in oracle._human(drawn[contact], AT)}
        assert set(evidence.split(",")) <= known
        assert since_at < AT <= expires_at
        assert oracle.stage(drawn[contact], expires_at, SCORING) == stage
        later = oracle.stage(drawn[contact], expires_at + timedelta(seconds=1), SCORING)
        assert BUYER_STAGES.index(later) < BUYER_STAGES.index(stage)
    assert seen == {"unaware", "awareness", "interest", "consideration"}


def test_accounts_are_their_contacts(scored: Lakehouse) -> None:
    people: dict[str, list[tuple[float, float]]] = {}
    weights = {name: role.weight for name, role in SCORING.accounts.roles.items()}
    for account, role, score in scored.rows(
        "select scores.account_id, role, engagement_score from marts.engagement_scores as scores "
        "join intermediate.int_contacts using (contact_id) where scores.account_id is not null"
    ):
        people.setdefault(account, []).append((score, weights.get(role, 0.3)))
    rows = scored.rows("select account_id, engagement_score from marts.account_engagement")
    assert len(rows) == len(people) > 0
    for account, score in rows:
        rest = 1.0
        for own, weight in people[account]:
            rest *= 1 - own * weight / 100
        assert score == pytest.approx(100 * (1 - rest), abs=1e-6)


def test_without_definitions_there_are_no_scores(empty: Lakehouse) -> None:
    for mart in (
        *("engagement_scores", "lead_scores", "lead_score_calibration", "buyer_stages"),
        *("account_engagement", "stage_velocity"),
    ):
        assert empty.one(f"select count(*) from marts.{mart}") == 0


def test_who_objects_to_profiling_is_counted_and_not_scored(
    scored: Lakehouse, tmp_path: Path
) -> None:
    """Gone from every score, stage and persona; the organisation still has as many contacts, and
    nobody else's score moves."""
    house = scored.copied(tmp_path)
    accounts = "select account_id, contacts from marts.account_engagement order by 1"
    others = (  # sums of floats differ in their last digit by the order of rows
        "select contact_id, round(lead_score, 9), round(engagement_score, 9), stage "
        "from marts.lead_scores "
        "join marts.engagement_scores using (contact_id) join marts.buyer_stages "
        "using (contact_id) where contact_id not in (select contact_id from "
        "intermediate.int_profiling_objections) order by 1"
    )
    objecting = [
        row[0]
        for row in house.rows(
            "select contact_id from marts.lead_scores order by lead_score desc, 1 limit 3"
        )
    ]
    house.put(
        "intermediate.int_profiling_objections",
        [{"contact_id": one, "since_at": AT} for one in objecting],
    )
    counted, unmoved = house.rows(accounts), house.rows(others)
    house.run(*MODELS, "contact_personas", "lead_score_calibration")
    assert house.rows(accounts) == counted
    assert house.rows(others) == unmoved and len(unmoved) > 5
    for mart in ("lead_scores", "lead_score_contributions", "engagement_scores", "buyer_stages"):
        listed = ", ".join(f"'{one}'" for one in objecting)
        query = f"select count(*) from marts.{mart} where contact_id in ({listed})"
        assert house.one(query) == 0, mart
        assert scored.one(query) > 0, mart
    assert (
        house.one(
            f"select count(*) from marts.contact_personas where contact_id in ({listed}) "
            "and persona is null"
        )
        == 3
    )
