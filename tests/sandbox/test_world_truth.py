"""The truth covers what the files say, and the files follow the truth."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from sandbox.world import truth
from sandbox.world.contracts import book, hazard
from sandbox.world.draws import allocate, choose, stream, systematic


@pytest.fixture(scope="module")
def identities(world) -> pl.DataFrame:
    return truth.load(world.truth, "identities")


def values(identities: pl.DataFrame, kind: str) -> set[str]:
    return set(identities.filter(kind=kind)["value"].to_list())


def column(files, query: str) -> set[str]:
    return {value for (value,) in files.execute(query).fetchall()}


def test_every_identifier_has_its_person(files, identities):
    seen = column(files, "select distinct anonymousId from events where anonymousId is not null")
    web = {v for v in seen if not v.startswith(("planted-", "mail-"))}
    assert web <= values(identities, "anonymous_id")
    by_mail = {v.removeprefix("mail-") for v in seen if v.startswith("mail-")}
    assert by_mail and by_mail <= values(identities, "email")
    users = column(files, "select distinct userId from events where userId is not null")
    assert users <= values(identities, "user_id")
    assert column(files, "select id from contacts") == values(identities, "crm_contact")
    mails = column(files, "select distinct properties->>'email' from contacts")
    assert mails <= values(identities, "email")
    phones = column(files, "select properties->>'phone' p from contacts where p is not null")
    assert phones <= values(identities, "phone")
    for table, name in (("consents", "email"), ("suppressions", "email"), ("surveys", "email")):
        found = column(files, f"select distinct {name} from {table} where {name} is not null")
        planted = {"bad-status@courriel.example", "x@courriel.example"}
        assert found - planted <= values(identities, "email")


def test_sessions_are_what_a_gap_of_thirty_minutes_finds(world, files):
    found = files.execute(
        "with once as (select * from events where anonymousId not like 'planted-%' and "
        "anonymousId not like 'mail-%' qualify row_number() over (partition by messageId "
        "order by received) = 1), marked as (select *, coalesce(occurred - lag(occurred) over w > "
        "interval 30 minutes, true) begins from once window w as (partition by anonymousId "
        "order by occurred)), numbered as (select *, sum(begins::int) over (partition by "
        "anonymousId order by occurred) n from marked) "
        "select anonymousId anonymous_id, min(occurred) as first, max(occurred) as last, "
        "count(*)::uinteger events from numbered group by anonymousId, n"
    ).pl()
    expected = truth.load(world.truth, "sessions").select("anonymous_id", "first", "last", "events")
    order = ["anonymous_id", "first"]
    same = [pl.col("first").cast(pl.Datetime("us")), pl.col("last").cast(pl.Datetime("us"))]
    found = found.with_columns(same).sort(order)
    assert found.equals(expected.with_columns(same).sort(order))


def test_the_ledger_is_what_the_deals_say(world, files):
    from_deals = files.execute(
        "with days as (select unnest(generate_series(0, 23)) m) "
        "select company, m as month, sum(mrr)::bigint mrr_end from won, days "
        "where began < date '2024-11-01' + to_months(m::int) and coalesce(ended >= "
        "date '2024-11-01' + to_months(m::int), true) group by all"
    ).pl()
    ledger = truth.load(world.truth, "mrr_ledger")
    kept = ledger.filter(pl.col("mrr_end") > 0).select("company", "month", "mrr_end")
    assert from_deals.sort("company", "month").equals(kept.sort("company", "month"))
    moved = (
        pl.col("mrr_start")
        + pl.col("new")
        + pl.col("reactivation")
        + pl.col("expansion")
        - pl.col("contraction")
        - pl.col("churn")
    )
    assert ledger.select((moved == pl.col("mrr_end")).all()).item()
    for kind in ("reactivation", "expansion", "contraction", "churn"):
        assert ledger[kind].sum() > 0


def test_stage_entries_are_those_of_the_crm(world, files):
    stages = truth.load(world.truth, "stages")
    paid = stages.filter(pl.col("stage") == "paid")
    signed = column(files, "select company from won where deal_type = 'newbusiness'")
    assert set(paid["account"].to_list()) == signed
    assert paid.height == len(signed)


def test_merges_and_their_chains_are_in_the_crm(world, files):
    merges = truth.load(world.truth, "merges")
    found = files.execute(
        "select id, properties->>'hs_merged_object_ids' m from contacts where m is not null"
    ).fetchall()
    assert set(found) == set(merges.select("survivor", "merged").rows())
    archived = column(files, "select id from contacts where archived")
    assert archived == set(merges["merged"].to_list())
    assert archived & set(merges["survivor"].to_list())


def test_messages_of_machines_exist(world, files):
    machine = truth.load(world.truth, "machine_events")
    assert set(machine["actor"].to_list()) == {"prefetch", "gateway", "bot"}
    messages = column(files, "select distinct messageId from events")
    for name in ("machine_events", "duplicates", "late_events", "skewed_events"):
        ids = truth.load(world.truth, name)["message_id"].to_list()
        assert ids and set(ids) <= messages
    twice = files.execute(
        "select messageId from events where messageId not like 'planted%' group by 1 "
        "having count(*) > 1"
    ).fetchall()
    assert {m for (m,) in twice} == set(truth.load(world.truth, "duplicates")["message_id"])


def test_nobody_in_the_hold_out_gets_mail(world, files):
    people = truth.load(world.truth, "people")
    held = people.filter("holdout")["person"].implode()
    users = truth.load(world.truth, "identities").filter(
        pl.col("person").is_in(held), pl.col("kind") == "user_id"
    )
    mailed = column(files, "select distinct userId from events where event = 'Email Delivered'")
    assert held.list.len().item() > 200
    assert not mailed & set(users["value"].to_list())


def test_effects_of_channels_are_in_the_paths(world):
    effects = truth.load(world.truth, "channel_effects")
    touches = truth.load(world.truth, "touches")
    paid = truth.load(world.truth, "stages").filter(stage="paid").select("person", won=True)
    people = truth.load(world.truth, "people").filter(kind="lead").select("person", "vertical")
    exposed = touches.select("person", "channel").unique()
    base = people.join(paid, on="person", how="left").with_columns(pl.col("won").fill_null(False))
    for channel in ("referral", "events"):
        for vertical in ("medical", "public"):
            effect = effects.filter(vertical=vertical, channel=channel)["effect"].item()
            own = base.filter(pl.col("vertical") == vertical)
            has = pl.col("person").is_in(exposed.filter(channel=channel)["person"].implode())
            ratio = own.filter(has)["won"].mean() / own.filter(~has)["won"].mean()
            assert 0.55 * effect < ratio < 1.8 * effect


@pytest.mark.parametrize(("vertical", "base"), [("medical", 0.02), ("public", 0.005)])
def test_contracts_end_at_the_documented_rate(vertical, base):
    n = 20_000
    rng = stream(1, "test")
    from sandbox.world import calendar as cal

    customers = pl.DataFrame(
        {
            "account": np.arange(n),
            "vertical": [vertical] * n,
            "signed": cal.in_month(rng, rng.integers(0, 12, n)),
            "currency": ["EUR"] * n,
        }
    )
    result = book(3, customers, exact_year_1=False)
    months = result.months
    assert abs(months["churned"].mean() - months["hazard"].mean()) < 0.0005
    assert 0.75 * base < months["churned"].mean() < 1.25 * base
    # Health tells: the hazard of the unhealthiest fifth is several times the healthiest's.
    fifth = months.with_columns(pl.col("health").qcut(5, labels=list("abcde")).alias("fifth"))
    rate = dict(fifth.group_by("fifth").agg(pl.col("churned").mean()).rows())
    assert rate["a"] > 4 * rate["e"]


def test_hazard_of_an_average_customer():
    vertical = np.array([0, 1])
    value = hazard(vertical, np.zeros(2), np.array([6, 6]))
    assert value == pytest.approx([0.02 * np.exp(-0.5), 0.005 * np.exp(-0.5)])


def test_draws():
    assert allocate(10, [1, 1, 1]).tolist() == [4, 3, 3]
    assert allocate(3, [0, 0]).sum() == 3
    assert allocate(0, [1.0]).tolist() == [0]
    rng = stream(1, "draws")
    assert set(choose(rng, [0, 1, 0], 50).tolist()) == {1}
    hit, carry = systematic(np.full(1_000, 0.01), 0.5)
    assert hit.sum() == 10
    assert carry == pytest.approx(0.5, abs=1e-6)
    assert systematic(np.zeros(0), 0.3) == (pytest.approx(np.zeros(0)), 0.3)


def test_year_1_without_any_expansion_is_refused(monkeypatch):
    from sandbox.world import contracts

    customers = pl.DataFrame(
        {"account": [1, 2], "vertical": ["medical", "public"], "currency": ["EUR", "EUR"]}
    ).with_columns(signed=pl.lit(1_730_000_000_000))
    monkeypatch.setattr(contracts, "EXPANSION", {"medical": 0.0, "public": 0.0})
    with pytest.raises(contracts.NoRoom, match="seed 1"):
        book(1, customers)


def test_everybody_has_a_true_response_to_each_action_of_its_vertical(world):
    people = truth.load(world.truth, "people")
    found = truth.load(world.truth, "action_responses")
    assert found.height == 4 * people.height == found.unique(["person", "action"]).height
    assert (
        found["p_response"].is_between(0, 0.9).all() and found["p_stop"].is_between(0, 0.05).all()
    )
    joined = found.join(people, "person")
    assert (joined["action"].str.split("_").list.first() == joined["vertical"]).all()
    # Who cares for mail clicks more and leaves less; who is called cares as much as anybody.
    keen = pl.col("affinity") > people["affinity"].median()
    for action, more in (("public_digest", True), ("public_call", False)):
        own = joined.filter(action=action)
        halves = own.group_by(keen.alias("keen")).agg(
            pl.col("p_response").mean(), pl.col("p_stop").mean()
        )
        calm, eager = halves.sort("keen").select("p_response", "p_stop").rows()
        if more:
            assert eager[0] > 2 * calm[0] and eager[1] < calm[1]
        else:
            assert eager[0] == pytest.approx(calm[0], rel=0.1) and eager[1] == calm[1]
