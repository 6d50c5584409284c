"""Consent: the SQL's fold against the slow one, and what must hold of every state."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dbt import consent_histories as histories
from tests.dbt import consent_oracle as oracle
from tests.dbt.lakehouse import Lakehouse

PARIS = ZoneInfo("Europe/Paris")
MARTS = ("+consent_conflicts", "+consent_records", "+unsubscribes", "+consent_report")


@pytest.fixture(scope="module")
def world() -> histories.World:
    return histories.make(1_000, seed=15)


def build(folder: Path, target: Path, as_of: datetime, lake: dict) -> Lakehouse:
    """The privacy marts with what they read, and their own tests."""
    house = Lakehouse(folder, target).fill(as_of=as_of, **lake)
    house.build(*MARTS, tests="buildable")
    return house


@pytest.fixture(scope="module", params=[histories.AS_OF, histories.EARLIER], ids=str)
def as_of(request: pytest.FixtureRequest) -> datetime:
    return request.param


@pytest.fixture(scope="module")
def house(
    world: histories.World,
    as_of: datetime,
    tmp_path_factory: pytest.TempPathFactory,
    target: Path,
) -> Lakehouse:
    return build(tmp_path_factory.mktemp("consent"), target, as_of, world.lake(as_of))


def test_a_thousand_histories_end_as_the_definition_says(
    house: Lakehouse, world: histories.World, as_of: datetime
) -> None:
    wanted = compare(house, world, as_of)
    # The histories are worth the trouble only if everything occurs, and often.
    counts = Counter(wanted.values())
    for state in ("granted", "pending", "unproven", "expired", "suppressed", "withdrawn"):
        assert counts[state] > 20, counts
    assert counts["objection"] > 20 and counts["unknown"] > 5, counts


def compare(
    house: Lakehouse, world: histories.World, as_of: datetime
) -> dict[tuple[str, str, str, str], str]:
    """The states of the definition, after the SQL's were found to be the same."""
    rows = house.rows("select subject_id, purpose, channel, brand, state from marts.consent_states")
    found = {tuple(row[:4]): row[4] for row in rows}
    wanted = histories.expected(world, as_of)
    wrong = {
        key: (wanted.get(key), found.get(key))
        for key in wanted.keys() | found.keys()
        if wanted.get(key) != found.get(key)
    }
    assert not wrong, dict(list(wrong.items())[:5])
    return wanted


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(100, 110))
def test_other_histories(seed: int, tmp_path: Path, target: Path) -> None:
    world = histories.make(1_000, seed)
    for as_of in (histories.AS_OF, histories.EARLIER):
        folder = tmp_path / as_of.date().isoformat()
        folder.mkdir()
        house = build(folder, target, as_of, world.lake(as_of))
        compare(house, world, as_of)
        folder = tmp_path / f"shuffled-{as_of.date().isoformat()}"
        folder.mkdir()
        compare(build(folder, target, as_of, world.shuffled(as_of, seed)), world, as_of)


def test_everything_that_was_said_is_a_record(
    house: Lakehouse, world: histories.World, as_of: datetime
) -> None:
    """Each statement known by then, once; those about nobody's identifier under its key."""
    # By identity: two sources may say the very same.
    known = {
        id(statement): statement
        for name, statements in world.statements.items()
        if name != histories.CLICKS
        for statement in statements
        if statement.known <= as_of and (statement.decided < as_of or not statement.timed)
    }.values()
    people = world.persons(as_of)
    nobody = [s for s in known if not any(oracle.is_of(s, person) for person in people)]
    assert len(nobody) > 50
    assert house.rows(
        "select count(distinct evidence_id), "
        "count(distinct evidence_id) filter (contact_id is null) from marts.consent_records"
    ) == [(len(known), len(nobody))]
    assert (
        house.one(
            "select count(*) from marts.consent_records where contact_id is null "
            "and subject_id <> identifier_key"
        )
        == 0
    )
    # What was granted by an address that somebody has given up is not theirs any more.
    given_up = {name for person in people for name in person.given_up}
    assert sum(s.identifier in given_up for s in nobody) > 10
    refused = [s for s in known if s.state in ("withdrawn", "objection")]
    assert house.one("select count(distinct evidence_id) from marts.unsubscribes") == len(refused)
    firsts = house.one("select count(*) from marts.unsubscribes where is_first")
    assert firsts == house.one(
        "select count(distinct (subject_id, channel)) from marts.unsubscribes"
    )


def test_what_an_organisation_says_holds_for_whom_it_has(
    house: Lakehouse, world: histories.World, as_of: datetime
) -> None:
    """For each contact that belongs to it by then, and named on the evidence."""
    found = house.rows(
        """
        select distinct identifier_key, contact_id from marts.consent_records
        where identifier_type in ('crm_company', 'domain') and contact_id is not null
        """
    )
    spoken = {
        key
        for place in world.places
        for key in place.identifiers
        if any(
            s.known <= as_of and (s.decided < as_of or not s.timed)
            for s in world.statements.get(key, [])
        )
    }
    wanted = {
        (key, person.name) for person in world.persons(as_of) for key in person.identifiers & spoken
    }
    assert set(found) == wanted and len(wanted) > 100
    nameless = house.one(
        """
        select count(*) from marts.consent_records
        where identifier_type = 'crm_company' and account_id is distinct from identifier_key
        """
    )
    assert nameless == 0
    # Who left is not held to it any more.
    left = {
        name
        for name, ties in world.ties.items()
        for before, (since, _) in zip(ties.places, ties.places[1:], strict=False)
        if since <= as_of and before[1] and before[1].key in spoken
    }
    held = {name for key, name in wanted if key.startswith("org")}
    assert len(left - held) > 5


def test_no_order_of_arrival_changes_a_state(
    house: Lakehouse,
    world: histories.World,
    as_of: datetime,
    tmp_path_factory: pytest.TempPathFactory,
    target: Path,
) -> None:
    """The same statements, told in another order at other times: no withdrawal becomes a grant,
    and nothing else changes either."""
    told_so = "select subject_id, purpose, channel, brand, state from marts.consent_states"
    other = build(tmp_path_factory.mktemp("shuffled"), target, as_of, world.shuffled(as_of, seed=4))
    assert sorted(other.rows(told_so)) == sorted(house.rows(told_so))


def test_the_report_counts_whom_the_histories_tell_of(
    house: Lakehouse, world: histories.World, as_of: datetime
) -> None:
    """Months of Paris; each subject once for what it said, and by its last word of the month."""
    found = {
        (row[0], row[1], row[2]): row[3:]
        for row in house.rows(
            "select month, purpose, channel, granted, requested, confirmed, withdrawn, objected, "
            "opt_in_rate from marts.consent_report where group_kind = 'all'"
        )
    }
    said: dict[tuple[date, str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for subject, statements in histories.told_by(world, as_of).items():
        for cell in CELLS:
            heard = sorted(
                (s for s in statements if oracle.about(s, cell) and s.state != "lifted"),
                key=lambda s: (s.decided, STRICTNESS[s.state]),
            )
            for s in heard:
                month = s.decided.replace(tzinfo=UTC).astimezone(PARIS).date().replace(day=1)
                told = said[month, cell.purpose, cell.channel]
                told[s.state].add(subject)
                told["heard"].add(subject)
                told["last_granted"].discard(subject)
                if s.state == "granted":
                    told["last_granted"].add(subject)
                if s.state == "pending" and any(
                    o.state == "granted" and o.decided >= s.decided for o in heard
                ):
                    told["confirmed"].add(subject)
    wanted = {}
    for key, told in said.items():
        counts = [
            len(told[n]) for n in ("granted", "pending", "confirmed", "withdrawn", "objection")
        ]
        wanted[key] = (*counts, pytest.approx(len(told["last_granted"]) / len(told["heard"])))
    listed = {key: row for key, row in found.items() if key in wanted}
    assert listed == wanted
    # What remains is of grants that ran out, or goes by names that the policy does not have.
    cells = {(cell.purpose, cell.channel) for cell in CELLS}
    assert all(
        row[:5] == (0, 0, 0, 0, 0)
        for key, row in found.items()
        if key not in wanted and key[1:] in cells
    )
    assert house.one("select sum(expired) from marts.consent_report where group_kind = 'all'") > 20


def test_states_name_the_evidence_that_decides(house: Lakehouse) -> None:
    odd = house.rows(
        """
        select states.state, records.state, states.reason
        from marts.consent_states as states
        left join marts.consent_records as records using (evidence_id, subject_id)
        where not coalesce(records.is_in_force and records.is_standing, false)
            or records.state <> case
                when states.state in ('unproven', 'expired') then 'granted'
                when states.state = 'pending' then records.state
                when states.state = 'unknown' then 'lifted'
                else states.state
            end
            or (states.state = 'expired') <> (states.reason = 'silent_too_long')
        """
    )
    assert odd == []
    assert (
        house.one(
            "select count(*) from marts.consent_states where state = 'granted' and has_conflict"
        )
        == 0
    )
    overruled = house.one("select count(*) from marts.consent_conflicts")
    assert overruled > 20
    assert overruled == house.one(
        """
        select sum(
            (own_state = 'granted')::int + (coalesce(provider_state, '') = 'granted')::int
            + (coalesce(crm_state, '') = 'granted')::int
            + (coalesce(import_state, '') = 'granted')::int
        ) from (select * replace (coalesce(own_state, '') as own_state) from marts.consent_states)
        where state <> 'granted' and has_conflict
        """
    )


def test_a_grant_ends_at_the_moment_it_expires(house: Lakehouse, as_of: datetime) -> None:
    early, late = house.rows(
        f"""
        select
            count(*) filter (state = 'granted' and expires_at <= timestamp '{as_of}'),
            count(*) filter (state = 'expired' and since_at > timestamp '{as_of}')
        from marts.consent_states
        """
    )[0]
    assert (early, late) == (0, 0)
    exactly = house.one(
        f"select count(*) from marts.consent_states where since_at = timestamp '{as_of}'"
    )
    assert exactly > 0


# -- properties of the definition itself, which the SQL was just held to ---------------------------

CELLS = histories.cells()
STRICTNESS = {name: rank for rank, name in enumerate(oracle.ORDER)}


def told(world: histories.World, person: oracle.Person) -> list[oracle.Statement]:
    return [s for name in sorted(person.identifiers) for s in world.statements.get(name, [])]


def test_an_import_only_tightens(world: histories.World) -> None:
    """Whatever another authority says, an import's statements never make it weaker."""
    compared = 0
    for person in world.people:
        everything = told(world, person)
        others = [s for s in everything if s.authority != "import"]
        # What an import knows of is still a sign of life, which is no statement.
        signs = [*person.signs, *(s.decided for s in everything if s.authority == "import")]
        alive = replace(person, signs=signs)
        for cell in CELLS:
            before = oracle.state(alive, others, cell, "", histories.AS_OF)
            after = oracle.state(person, everything, cell, "", histories.AS_OF)
            if before in STRICTNESS and after is not None:
                assert STRICTNESS[after] >= STRICTNESS[before], (person.name, cell)
                compared += before != after
    assert compared > 20


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_merge_never_loosens(world: histories.World, data: st.DataObject) -> None:
    """Two people found to be one: neither's refusal is lost. Only a silence may be broken, by a
    sign of life of the other half, and only a sale of either proves a sale."""
    pick = st.sampled_from(world.people)
    one, other = data.draw(pick), data.draw(pick)
    both = oracle.Person("both", one.identifiers | other.identifiers, one.signs + other.signs)
    both.sold = min((p.sold for p in (one, other) if p.sold), default=None)
    for cell in CELLS:
        merged = oracle.state(
            both, list({*told(world, one), *told(world, other)}), cell, "", histories.AS_OF
        )
        for half in (one, other):
            alone = oracle.state(half, told(world, half), cell, "", histories.AS_OF)
            if alone in STRICTNESS and alone not in ("expired", "unproven"):
                assert merged in STRICTNESS
                assert STRICTNESS[merged] >= STRICTNESS[alone]
