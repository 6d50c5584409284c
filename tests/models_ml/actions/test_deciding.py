"""Decisions over a warehouse filled by hand: who may get what, what is learnt, what is chosen."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from models_ml.actions import deciding, policies, rounds
from models_ml.actions.reading import models_told
from tests.models_ml.actions.house import AS_OF, House, contact, past, snapshots
from workspace.definitions.actions import Actions
from workspace.definitions.campaigns import Campaign
from workspace.definitions.caps import Holdout
from workspace.definitions.experiments import Experiment
from workspace.streams import STREAMS

NEWS = {
    "name": "News",
    "vertical": "medical",
    "campaign": "news",
    "purpose": "newsletter",
    "mailings": ["news-*"],
    "response": {"touches": ["email_click"], "within_days": 7},
    "value": 10,
    "cost": 0.5,
    "assumed_rate": 0.02,
    "assumed_stop_rate": 0.001,
}
FAIR = {**NEWS, "name": "Fair", "campaign": "fair", "purpose": "events", "mailings": []}
CALL = {
    **{"name": "Call", "kind": "task", "vertical": "medical", "purpose": "events"},
    **{"response": {"touches": ["demo_booked"], "within_days": 20}, "value": 100, "cost": 3},
    "done_by": ["meeting"],
    "assumed_rate": 0.02,
}
OBJECTIVE = {
    "metric": "contacts",
    "reached_by": {"touch": "email_click"},
    "target": 1,
    "deadline": "2026-12-31",
}
CAMPAIGNS = {
    key: Campaign.model_validate(
        {"name": key, "objective": OBJECTIVE, "journey": f"{key}_journey", "holdout": share}
    )
    for key, share in {"news": 0.5, "fair": 0.0}.items()
}


def settings(**changed: Any) -> Actions:
    given = {"exploration": 0, "seed": 3, "enough": {"exposures": 300, "responses": 30}}
    actions = changed.pop("actions", {"news": NEWS, "fair": FAIR, "call": CALL})
    return Actions.model_validate({**given, **changed, "actions": actions})


def decide(house: House, actions: Actions | None = None, **more: Any) -> deciding.Decided:
    return deciding.decide(house.reader(actions or settings(), CAMPAIGNS, **more), 0)


def taken(found: deciding.Decided) -> dict[str, str]:
    rows = pl.from_arrow(found.decisions).filter("is_taken")
    return dict(zip(rows["contact_id"], rows["action"], strict=True))


@pytest.fixture
def house() -> House:
    found = House()
    past(found, "news-1", 1200, {0.0: 0.01, 4.0: 0.5})
    for n in range(6):
        contact(found, f"c{n}", clicks=4.0 if n % 2 else 0.0)
    return found


def test_who_is_likely_to_respond_gets_it_and_others_nothing(house: House) -> None:
    found = decide(house)
    # A response is worth 10 and costs 0.50: 50 % gains, 1 % does not; the fair's 2 % neither.
    assert taken(found) == {f"c{n}": "news" if n % 2 else "nothing" for n in range(6)}
    rows = pl.from_arrow(found.decisions)
    gain = 10 * pl.col("p_response") - 0.5 - 20 * pl.col("p_stop")
    news = rows.filter(pl.col("action") == "news")
    assert news.select((gain - pl.col("expected_gain")).abs().max()).item() < 1e-9
    assert set(news["basis"]) == {"model"}
    assert news["response_part"].to_list() == pytest.approx((10 * news["p_response"]).to_list())
    assert set(rows.filter(pl.col("action") == "call")["cost_part"]) == {3.0}
    parts = pl.col("response_part") - pl.col("cost_part") - pl.col("stop_part")
    assert rows.select((parts - pl.col("expected_gain")).abs().max()).item() < 1e-9
    told = rows.filter(pl.col("contact_id") == "c1", "is_taken")["contributions"].item()
    assert told.startswith('{"clicks"')
    models = {row["action"]: row for row in found.models.to_pylist()}
    assert models["news"]["exposures"] == 1200 and models["news"]["auc_low"] > 0.7
    assert models["fair"]["basis"] == "assumed" and models["fair"]["auc"] is None
    assert set(rows["round_on"]) == {date(2026, 10, 1)}  # a Thursday, as 1 January 1970 was


def test_the_same_facts_decide_the_same(house: House) -> None:
    explored = settings(exploration=0.5)
    assert decide(house, explored).decisions.equals(decide(house, explored).decisions)


def test_exploration_is_logged_with_its_chance(house: House) -> None:
    rows = pl.from_arrow(decide(house, settings(exploration=0.9)).decisions)
    total = rows.group_by("contact_id").agg(pl.col("propensity").sum(), pl.len())
    assert total["propensity"].to_list() == pytest.approx([1.0] * 6)
    assert set(total["len"]) == {4}
    best = rows.filter("is_best")["propensity"].to_list()
    assert best == pytest.approx([0.1 + 0.9 / 4] * 6)
    assert rows.filter("is_exploration").height > 0


@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("intermediate.int_profiling_objections", {"contact_id": "c1"}),
        ("marts.fct_emails", None),
    ],
)
def test_who_may_not_or_just_got_it_gets_it_not(house: House, what: str, row: Any) -> None:
    mail = {
        **{"source": "mail_tool", "contact_id": "c1", "mailing_id": "news-2"},
        "sent_at": AS_OF - timedelta(days=3),
    }
    house.add(what, row or mail)
    got = taken(decide(house))
    assert got.get("c1") != "news" and got["c3"] == "news"
    assert ("c1" in got) == (row is None)  # who objects is not there at all


def test_consent_vertical_role_and_stage_say_who_may(house: House) -> None:
    house.connection.execute("delete from marts.reachable_contacts where contact_id = 'c1'")
    house.connection.execute("update marts.dim_contacts set role = 'clerk' where contact_id = 'c3'")
    house.connection.execute(
        "update marts.buyer_stages set stage = 'unaware' where contact_id='c5'"
    )
    narrow = {**NEWS, "roles": ["surgeon"], "stages": ["interest"]}
    assert taken(decide(house, settings(actions={"news": narrow}))) == {
        "c0": "nothing",
        "c2": "nothing",
        "c4": "nothing",
    }
    draft = {**NEWS, "approved": False}
    assert decide(house, settings(actions={"news": draft})).decisions.num_rows == 0
    other = {**NEWS, "vertical": "public"}
    assert decide(house, settings(actions={"news": other})).decisions.num_rows == 0


def test_the_universal_holdout_gets_nothing(house: House) -> None:
    held = Holdout(share=0.5, salt="s")
    people = set(taken(decide(house, holdout=held)))
    query = f"select contact_id from marts.dim_contacts where {held.condition('contact_id')}"
    out = {ident for (ident,) in house.connection.execute(query).fetchall()}
    assert out and people == {f"c{n}" for n in range(6)} - out


def test_a_task_is_learnt_from_what_shows_it_was_done(house: House) -> None:
    for n in range(40):
        met = datetime(2026, 7, 1)
        rows = [{"touch_type": "meeting", "occurred_at": met}]
        if n < 30:
            rows.append({"touch_type": "demo_booked", "occurred_at": met + timedelta(days=5)})
        house.add("marts.dim_contacts", {"contact_id": f"t{n}", "vertical": "medical"})
        house.add(
            "marts.contact_feature_snapshots",
            {"contact_id": f"t{n}", "snapshot_at": datetime(2026, 6, 1), "vertical": "medical"},
        )
        house.add(
            "marts.fct_touchpoints",
            *({"contact_id": f"t{n}", "actor_class": "human", **row} for row in rows),
        )
    call = {row["action"]: row for row in decide(house).models.to_pylist()}["call"]
    assert (call["exposures"], call["responses"], call["basis"]) == (40, 30, "rate")
    assert call["response_rate"] == pytest.approx((30 + 50 * 0.02) / 90)


def test_what_is_not_over_or_came_of_machines_is_no_lesson(house: House) -> None:
    before = {row["action"]: row for row in decide(house).models.to_pylist()}["news"]
    late = {"source": "mail_tool", "mailing_id": "news-9", "sent_at": AS_OF - timedelta(days=6)}
    house.add("marts.fct_emails", *({"contact_id": f"news-1{n}", **late} for n in range(50)))
    machine = {"touch_type": "email_click", "actor_class": "machine"}
    when = {"occurred_at": datetime(2026, 7, 1, 1)}
    house.add(
        "marts.fct_touchpoints",
        *({"contact_id": f"news-1{n}", **machine, **when} for n in range(500)),
    )
    after = {row["action"]: row for row in decide(house).models.to_pylist()}["news"]
    assert (after["exposures"], after["responses"]) == (before["exposures"], before["responses"])


def test_features_are_those_of_before_the_exposure(house: House) -> None:
    reader = house.reader(settings(), CAMPAIGNS)
    then = reader.exposures().sort("contact_id")
    later = pl.DataFrame(
        {"contact_id": then["contact_id"], "snapshot_at": datetime(2026, 7, 2), "clicks": 99.0}
    )
    house.add("marts.contact_feature_snapshots", *later.to_dicts())
    assert reader.exposures().sort("contact_id").equals(then)


def newcomers(house: House, people: int, responding: int, leaving: int = 0) -> None:
    """People who got the news in July and of whom no snapshot from before is known."""
    sent, later = datetime(2026, 7, 1), datetime(2026, 7, 3)
    mail = {"source": "mail_tool", "mailing_id": "news-1", "sent_at": sent}
    click = {"touch_type": "email_click", "actor_class": "human", "occurred_at": later}
    names = [{"contact_id": f"new{n}"} for n in range(people)]
    house.add("marts.fct_emails", *(name | mail for name in names))
    house.add("marts.fct_touchpoints", *(name | click for name in names[:responding]))
    stop = {"unsubscribed_at": later}
    house.add("marts.unsubscribes", *(name | stop for name in names[:leaving]))


def test_exposures_of_whom_nothing_was_known_count_for_the_rate(house: House) -> None:
    before = decide(house)
    newcomers(house, 800, 700, 8)
    after = decide(house)
    old, new = (
        {row["action"]: row for row in found.models.to_pylist()} for found in (before, after)
    )
    assert (old["news"]["exposures"], old["news"]["exposures_with_features"]) == (1200, 1200)
    assert (new["news"]["exposures"], new["news"]["exposures_with_features"]) == (2000, 1200)
    responses = old["news"]["responses"] + 700
    assert (new["news"]["responses"], new["news"]["stops"]) == (responses, 8)
    assert new["news"]["response_rate"] == pytest.approx((responses + 50 * 0.02) / 2050)
    assert new["news"]["stop_rate"] == pytest.approx((8 + 50 * 0.001) / 2050)
    # The model rests on the others, as before.
    assert new["news"]["basis"] == "model" and new["news"]["auc"] == old["news"]["auc"]
    p_response = [
        pl.from_arrow(found.decisions).filter(pl.col("action") == "news")["p_response"].to_list()
        for found in (before, after)
    ]
    assert p_response[0] == p_response[1]


def test_what_too_few_features_are_known_of_goes_by_the_rate_of_all() -> None:
    house = House()
    past(house, "news-1", 200, {0.0: 0.5})
    contact(house, "c0")
    newcomers(house, 1000, 100)
    news = {row["action"]: row for row in decide(house).models.to_pylist()}["news"]
    assert (news["basis"], news["exposures"], news["exposures_with_features"]) == (
        "rate",
        1200,
        200,
    )
    assert news["response_rate"] == pytest.approx((news["responses"] + 1) / 1250)
    assert 180 < news["responses"] < 220


def test_people_held_out_of_whom_nothing_was_known_count_in_the_effect(house: House) -> None:
    at, later = datetime(2026, 7, 1), datetime(2026, 7, 2)
    names = [{"contact_id": f"u{n}"} for n in range(2400)]
    known = {"experiment": "campaign:news", "salt": "s", "assigned_at": at, "known_at": at}
    arms = [{"variant": "sent"}, {"variant": "holdout"}]
    house.add(
        "lake.experiment_assignments",
        *(name | known | arms[n % 2] for n, name in enumerate(names)),
    )
    click = {"touch_type": "email_click", "actor_class": "human", "occurred_at": later}
    did = [n for n in range(2400) if n % 10 == 0 or (n % 10 == 1 and n < 1200)]
    house.add("marts.fct_touchpoints", *(names[n] | click for n in did))
    found = decide(house)
    news = {row["action"]: row for row in found.models.to_pylist()}["news"]
    assert (news["treated_people"], news["control_people"]) == (1200, 1200)
    assert news["basis"] == "uplift" and news["qini"] is None
    effect = (240 - 120) / 1250
    rows = pl.from_arrow(found.decisions).filter(pl.col("action") == "news")
    assert rows["p_response"].to_list() == pytest.approx([effect] * 6)


ABOUT_NEWS = Experiment.model_validate(
    {
        **{"name": "Effect", "journey": "news_journey", "starts_on": "2026-06-01"},
        "variants": {"sent": {"share": 50}, "holdout": {"share": 50}},
        "metric": {"touch": "email_click", "within_days": 7},
    }
)


@pytest.mark.parametrize("experiment", ["campaign:news", "effect"])
def test_people_held_out_make_it_an_uplift(house: House, experiment: str) -> None:
    rows, touches, seen = [], [], []
    for n in range(2400):
        got = n % 2 == 0
        ident, at = f"u{n}", datetime(2026, 7, 1)
        known = {"experiment": experiment, "salt": "s", "assigned_at": at, "known_at": at}
        rows.append({**known, "contact_id": ident, "variant": "sent" if got else "holdout"})
        seen.append(
            {"contact_id": ident, "snapshot_at": datetime(2026, 6, 1), "clicks": float(n % 4)}
        )
        # They click as often without it, but for those with many clicks before.
        if n % 10 < 3 or (got and n % 4 == 2 and n % 3):
            when = {"occurred_at": at + timedelta(days=2)}
            what = {"touch_type": "email_click", "actor_class": "human"}
            touches.append({"contact_id": ident, **what, **when})
    house.add("lake.experiment_assignments", *rows)
    house.add("marts.contact_feature_snapshots", *seen)
    house.add("marts.fct_touchpoints", *touches)
    found = decide(house, experiments={"effect": ABOUT_NEWS})
    news = {row["action"]: row for row in found.models.to_pylist()}["news"]
    assert news["basis"] == "uplift"
    assert (news["treated_people"], news["control_people"]) == (1200, 1200)
    assert news["qini_low"] <= news["qini"] <= news["qini_high"]
    few = settings(enough={"exposures": 300, "responses": 30, "control": 1201})
    again = {row["action"]: row for row in decide(house, few).models.to_pylist()}["news"]
    assert again["basis"] == "model" and again["qini"] is None


@pytest.mark.parametrize("held_by", ["campaign:{}", "effect"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("action", ["news", "fair"])
def test_who_is_held_out_by_any_is_not_treated(action: str, turned: bool, held_by: str) -> None:
    """Each person has a row of the campaign and one of the experiment, of the same moment; the
    fair's campaign holds nobody out, so that it tells of nobody."""
    house, at = House(), datetime(2026, 7, 1)
    about = ABOUT_NEWS.model_copy(update={"journey": f"{action}_journey"})
    for n in range(6):
        rows = [
            {
                **{"experiment": name, "salt": "s", "contact_id": f"u{n}"},
                **{"assigned_at": at, "known_at": at},
                "variant": "holdout" if n < 2 and name == held_by.format(action) else "sent",
            }
            for name in ("effect", f"campaign:{action}")
        ]
        house.add("lake.experiment_assignments", *(reversed(rows) if turned else rows))
        house.add("marts.contact_feature_snapshots", *snapshots(f"u{n}", 0.0))
    reader = house.reader(settings(), CAMPAIGNS, experiments={"effect": about})
    found = reader.held_out().sort("contact_id")
    assert found["contact_id"].to_list() == [f"u{n}" for n in range(6)]
    counts = held_by == "effect" or action == "news"
    assert found["treated"].to_list() == [not counts] * 2 + [True] * 4


def test_without_people_features_or_actions_nothing_is_decided() -> None:
    empty = House()
    assert decide(empty).decisions.num_rows == 0
    contact(empty, "c0")
    assert taken(decide(empty)) == {"c0": "nothing"}  # one person: by the rates assumed
    assert decide(empty, settings(actions={})).models.num_rows == 0


def carried_out(house: House, seed: int = 0) -> Actions:
    """200 decisions of June that segments could ask for, half carried out."""
    actions = settings(enabled=True, exploration=0.2, seed=seed)
    for n in range(200):
        contact(house, f"p{n}", clicks=4.0 if n % 2 else 0.0)
    rows = pl.from_arrow(decide(house, actions).decisions)
    at = datetime(2026, 8, 6)
    rows = rows.with_columns(decided_at=pl.lit(at), known_at=pl.lit(at))
    house.add("lake.action_decisions", *rows.to_dicts())
    return actions


def test_policies_are_judged_by_what_was_carried_out(house: House) -> None:
    actions = carried_out(house)
    at = datetime(2026, 8, 6)
    chosen = house.connection.execute(
        "select contact_id from lake.action_decisions where is_taken and action = 'news'"
    ).fetchall()
    sent = {"source_kind": "journey", "source_key": "news_journey", "known_at": at}
    touched = {"touch_type": "email_click", "actor_class": "human"}
    for n, (ident,) in enumerate(chosen):
        message = {"message_id": ident, "contact_id": ident, "sent_at": at + timedelta(days=1)}
        house.add("lake.message_states", {**sent, **message})
        if n % 2:
            house.add(
                "marts.fct_touchpoints",
                {"contact_id": ident, **touched, "occurred_at": at + timedelta(days=2)},
            )
    found = policies.estimates(house.reader(actions, CAMPAIGNS)).to_pylist()
    rows = {(row["policy"], row["estimator"]): row for row in found}
    logged = rows["logged", "inverse_propensity"]
    assert logged["carried_out"] == len(chosen) > 60
    reward = (10 * (len(chosen) // 2) - 0.5 * len(chosen)) / logged["decisions"]
    assert logged["estimate"] == pytest.approx(reward)
    assert rows["nothing", "inverse_propensity"]["estimate"] == 0
    best = rows["best", "doubly_robust"]
    assert best["low"] < best["estimate"] < best["high"]
    assert {policy for policy, _ in rows} >= {"all:news", "all:fair", "all:call"}


def test_decisions_that_nothing_could_follow_are_not_judged(house: House) -> None:
    rows = policies.estimates(house.reader(carried_out(house), CAMPAIGNS)).to_pylist()
    assert rows[0]["decisions"] == 206 and rows[0]["carried_out"] == 0
    house.connection.execute("update lake.action_decisions set is_automated = false")
    rows = policies.estimates(house.reader(settings(), CAMPAIGNS)).to_pylist()
    assert {row["decisions"] for row in rows} == {0}
    assert {row["estimate"] for row in rows} == {None}


def test_a_fit_is_named_by_what_decides(house: House) -> None:
    assert rounds.fit_id(settings()) != rounds.fit_id(settings(exploration=0.1))
    with_seeds = settings(lookalikes={"x": {}})
    assert rounds.fit_id(settings()) == rounds.fit_id(with_seeds)
    assert rounds.round_of(datetime(2026, 10, 7, 23), 7) == date(2026, 10, 1)
    assert rounds.round_of(datetime(2026, 10, 8), 7) == date(2026, 10, 8)
    models = decide(house).models
    assert models.schema == STREAMS["action_models"].schema
    house.add("lake.action_models", *models.to_pylist())
    assert "| news | model | 1200 | 1200 |" in models_told(house.connection)
