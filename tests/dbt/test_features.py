"""Features are those of a slow count, and what is learnt later changes none of the past."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import features_oracle as oracle
from tests.dbt.features_world import (
    AS_OF,
    COMPANIES,
    CONTACTS,
    FIRST,
    Streams,
    known_by,
    lake,
    month_starts,
)
from tests.dbt.grown import Grown
from tests.dbt.lakehouse import Lakehouse

MARTS = ("contact_feature_snapshots", "account_feature_snapshots")
LABELS = ("int_churn_labels", "int_engagement_labels", "int_conversion_labels")
MOMENTS = [m for m in month_starts() if FIRST <= m < AS_OF] + [AS_OF]
SAID = ("role", "lifecycle_stage")
Table = dict[tuple[str, datetime], dict[str, Any]]


@pytest.fixture(scope="module")
def streams() -> Streams:
    return lake(seed=7)


@pytest.fixture(scope="module")
def house(streams: Streams, tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    return made(tmp_path_factory.mktemp("features"), target, streams)


def made(folder: Path, target: Path, streams: Streams, as_of: datetime = AS_OF) -> Lakehouse:
    house = Lakehouse(folder, target)
    house.fill(as_of=as_of, time_zone="Europe/Paris", **streams)
    return house.build(*(f"+{name}" for name in (*MARTS, *LABELS)), tests="cautious")


def table(house: Lakehouse, mart: str) -> Table:
    """Rows by CRM id and moment."""
    schema = "marts" if mart in MARTS else "intermediate"
    kind = "contact" if house.rows(f"select 1 from duckdb_columns() where table_name = '{mart}' "
                                   "and column_name = 'contact_id'") else "account"  # fmt: skip
    named = (
        "select crm_id, object_id from intermediate.int_crm_objects where object_type = "
        f"'{'contacts' if kind == 'contact' else 'companies'}'"
    )
    names = [row[0] for row in house.rows(f"select column_name from (describe {schema}.{mart})")]
    rows = house.rows(
        f"select named.crm_id, rows.* from {schema}.{mart} as rows "
        f"inner join ({named}) as named on rows.{kind}_id = named.object_id"
    )
    found = [(crm_id, dict(zip(names, row, strict=True))) for crm_id, *row in rows]
    return {(crm_id, row["snapshot_at"]): row for crm_id, row in found}


def near(wanted: dict[str, Any]) -> Any:
    return {
        name: pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
        for name, value in wanted.items()
    }


def test_contacts_are_as_a_slow_count_has_them(house: Lakehouse, streams: Streams) -> None:
    found = table(house, "contact_feature_snapshots")
    signals = oracle.signals(streams)
    compared = 0
    for n in range(CONTACTS):
        for moment in MOMENTS:
            row = found.get((f"p{n}", moment))
            if moment < oracle.there_since(streams, n):
                assert row is None
                continue
            assert row is not None, (n, moment)
            wanted = oracle.contact_features(oracle.seen(signals, f"p{n}", moment))
            said = oracle.in_force(streams["crm_contacts"], moment, "crm_id")
            versions = [c for c in said if c["crm_id"] == f"p{n}"] or [dict.fromkeys(SAID)]
            wanted |= {name: versions[0][name] for name in SAID}
            said = oracle.in_force(streams["crm_companies"], moment, "crm_id")
            (company,) = [c for c in said if c["crm_id"] == f"c{n % COMPANIES}"]
            wanted |= {name: company[name] for name in ("account_type", "employees", "population")}
            paid = oracle.contract(streams, f"c{n % COMPANIES}", moment)
            wanted["account_mrr_base"] = paid["mrr_base"] if paid else None
            assert {name: row[name] for name in wanted} == near(wanted), (n, moment)
            compared += 1
    assert compared > 15 * CONTACTS


def test_organisations_are_as_a_slow_count_has_them(house: Lakehouse, streams: Streams) -> None:
    found = table(house, "account_feature_snapshots")
    signals = oracle.signals(streams)
    paying = 0
    for company in range(COMPANIES):
        people = [n for n in range(CONTACTS) if n % COMPANIES == company]
        for moment in MOMENTS:
            row = found.get((f"c{company}", moment))
            contract = oracle.contract(streams, f"c{company}", moment)
            if contract is None:
                assert row is None, (company, moment)
                continue
            assert row is not None, (company, moment)
            there = [n for n in people if oracle.there_since(streams, n) <= moment]
            answers = [
                (answer["occurred_at"], answer["score"])
                for answer in oracle.in_force(streams["surveys"], moment, "response_id")
                if answer["question_type"] == "nps"
                and answer["user_key"] in {f"u{n}" for n in there}
                and answer["occurred_at"] < moment
            ]
            wanted = oracle.account_features(
                [oracle.seen(signals, f"p{n}", moment) for n in there],
                answers,
                contract.pop("usable_days"),
            )
            wanted |= contract | {"contacts": len(there)}
            assert {name: row[name] for name in wanted} == near(wanted), (company, moment)
            paying += 1
    assert 30 < paying < COMPANIES * len(MOMENTS)


def test_uses_are_of_one_source(house: Lakehouse, streams: Streams, tmp_path: Path) -> None:
    """What a tool counts is asked for instead of messages, never beside them."""
    other = house.copied(tmp_path)
    value = '{"months": 24, "training_contacts": 1000, "uses": "product_usage"}'
    other.rows(
        f"update lake.parameters set value = '{value}' where collection = 'feature_settings'"
    )
    other.run("path:models/intermediate/features", *MARTS)
    found, before = (table(one, "contact_feature_snapshots") for one in (other, house))
    signals = oracle.signals(streams, "product_usage")
    for (contact, moment), row in found.items():
        counted = oracle.count(oracle.seen(signals, contact, moment), "uses", 90)
        assert row["uses_90d"] == counted, (contact, moment)
    assert [row["uses_90d"] for row in found.values()] != [r["uses_90d"] for r in before.values()]


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), datetime(2026, 6, 1)])
def test_what_is_known_later_changes_nothing_of_the_past(
    house: Lakehouse, streams: Streams, moment: datetime, tmp_path: Path, target: Path
) -> None:
    """Facts known later, of before and after, and versions told anew."""
    then = known_by(streams, moment)
    assert sum(map(len, then.values())) < sum(map(len, streams.values())) - 300
    before = made(tmp_path, target, then)
    for mart in MARTS:
        past = {key: row for key, row in table(house, mart).items() if key[1] <= moment}
        assert len(past) > 20
        earlier = table(before, mart)
        assert past.keys() == {key for key in earlier if key[1] <= moment}
        for key, row in past.items():
            assert near(row) == earlier[key], (mart, key)
        later = [key for key in table(house, mart) if key[1] > moment]
        assert any(table(house, mart)[key] != earlier.get(key) for key in later)


HISTORIES = ("int_contact_feature_history", "int_account_feature_history")


def test_after_any_run_it_is_what_one_run_makes(
    streams: Streams, tmp_path: Path, target: Path
) -> None:
    """Within a month the past stands but for whom something new is told of; a person that is no
    longer there is gone from it."""
    grown = Grown(tmp_path / "grown", target, (*MARTS, *LABELS))
    lately = datetime(2026, 9, 20)
    grown.build(as_of=lately, time_zone="Europe/Paris", **known_by(streams, lately))
    without = {name: [*rows] for name, rows in streams.items()}
    gone = ("p3", "u3", "e3")
    for name, rows in without.items():
        without[name] = [
            row
            for row in rows
            if not {row.get("crm_id"), row.get("user_key"), row.get("email_key")} & {*gone}
        ]
    for number, (as_of, lake_then) in enumerate(
        [
            (datetime(2026, 9, 20, 3), known_by(streams, datetime(2026, 9, 20, 3))),
            (datetime(2026, 9, 21), known_by(streams, datetime(2026, 9, 21))),
            (datetime(2026, 9, 21, 1), known_by(without, datetime(2026, 9, 21))),
            (AS_OF, without),
        ]
    ):
        made_of = grown.build(as_of=as_of, time_zone="Europe/Paris", **lake_then)
        for name in HISTORIES:
            if number < 2:  # no whole table anew
                told = made_of[name]
                assert told.status == "unchanged" or (told.message or "").endswith(" rows"), told
        fresh = Grown(tmp_path / f"fresh-{number}", target, (*MARTS, *LABELS))
        fresh.build(as_of=as_of, time_zone="Europe/Paris", **lake_then)
        for mart in (*MARTS, *HISTORIES, *LABELS):
            expected, found = table(fresh.house, mart), table(grown.house, mart)
            assert found.keys() == expected.keys()
            for key, row in expected.items():
                assert near(row) == found[key], (number, mart, key)
    assert not any(key[0] == "p3" for key in table(grown.house, MARTS[0]))


def test_labels_are_of_what_came_after(house: Lakehouse) -> None:
    """c1 ended on 15 April, c3 for five months on 1 December, c4 for a month only."""
    churn = {key: row["is_positive"] for key, row in table(house, "int_churn_labels").items()}
    assert {key for key, positive in churn.items() if positive} == {
        ("c1", datetime(2026, 2, 1)),
        ("c1", datetime(2026, 3, 1)),
        ("c1", datetime(2026, 4, 1)),
        ("c3", datetime(2025, 10, 1)),
        ("c3", datetime(2025, 11, 1)),
        ("c3", datetime(2025, 12, 1)),
    } & churn.keys()
    # Its 90 days are over, and the 60 behind them in which somebody might have come back.
    assert max(moment for _, moment in churn) == datetime(2026, 5, 1)
    engaged = table(house, "int_engagement_labels")
    assert {row["is_positive"] for row in engaged.values()} == {True, False}
    assert max(moment for _, moment in engaged) <= datetime(2026, 9, 1)


def test_who_objects_is_nowhere(house: Lakehouse, tmp_path: Path) -> None:
    other = house.copied(tmp_path)
    people = other.rows(
        "select distinct contact_id, account_id from marts.contact_feature_snapshots"
    )
    (gone, account), *_ = sorted(people)
    other.put("intermediate.int_profiling_objections", [{"contact_id": gone, "since_at": AS_OF}])
    contacts = "select contact_id, count(*) from marts.contact_feature_snapshots group by 1"
    before = dict(other.rows(contacts))
    other.run("int_feature_people", "path:models/intermediate/features", *MARTS)
    assert dict(other.rows(contacts)) == {k: n for k, n in before.items() if k != gone}
    last = f"account_id = '{account}' and snapshot_at = timestamp '2026-09-01'"
    query = f"select contacts from marts.account_feature_snapshots where {last}"
    assert other.one(query) == house.one(query) - 1


def test_a_sample_is_of_people_and_halves(house: Lakehouse, tmp_path: Path) -> None:
    """At most so many; the same of them at each moment; everybody is scored."""
    other = house.copied(tmp_path)
    sampled = {}
    for most in (CONTACTS, 12, 3):
        other.rows(
            'update lake.parameters set value = \'{"months": 24, "training_contacts": '
            f"{most}}}' where collection = 'feature_settings'"
        )
        other.run("path:models/intermediate/features", *MARTS)
        rows = other.rows(
            "select contact_id, count(*) from marts.contact_feature_snapshots "
            f"where snapshot_at < timestamp '{AS_OF}' group by 1"
        )
        sampled[most] = {row[0] for row in rows}
        assert len(sampled[most]) <= most
        scored = (
            f"select count(*) from marts.contact_feature_snapshots where snapshot_at = '{AS_OF}'"
        )
        assert other.one(scored) == CONTACTS
    assert sampled[3] < sampled[12] < sampled[CONTACTS]


def test_without_definitions_and_facts_there_are_no_features(empty: Lakehouse) -> None:
    for mart in MARTS:
        assert empty.one(f"select count(*) from marts.{mart}") == 0
