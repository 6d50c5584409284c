"""From what is published to the destination: who may be sent, and what stops it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from reverse_etl.audiences import people, registry, running
from reverse_etl.audiences.running import Order, Room
from reverse_etl.delivery import providers
from sandbox.servers import audiences as stand_ins
from sandbox.servers.base import serving
from tests.reverse_etl.audiences.worlds import AT
from workspace import definitions
from workspace.definitions import DefinitionError, Definitions
from workspace.definitions.audiences import Task
from workspace.identifiers import domain_key
from workspace.ledger import Ledger, schema
from workspace.paths import PROJECT

BEFORE = AT - timedelta(days=30)
AUDIENCES = """
audiences:
  readers:
    name: Readers
    segment: newsletter_readers
    destination: meta
    list_id: "71"
    purpose: ads_audience
    identifiers: [email]
    live: {live}
crm:
  properties: [lead_score, segments]
"""
DIM = {"vertical": "medical", "phone_key": None}
ROWS: dict[str, list[dict[str, Any]]] = {
    "segment_memberships": [
        {"segment": "newsletter_readers", "contact_id": f"c{n}"} for n in range(4)
    ],
    "marketing_segments": [
        {"segment": "newsletter_readers", "is_stale": False, "is_current": True}
    ],
    "consent_states": [
        {
            "contact_id": f"c{n}", "purpose": "ads_audience", "channel": "ads",
            "state": "granted" if n < 3 else "withdrawn", "decided_at": BEFORE,
        }
        for n in range(4)
    ]
    + [
        {
            "contact_id": "c0", "purpose": "profiling", "channel": "all", "state": "granted",
            "decided_at": BEFORE,
        }
    ],
    "dim_contacts": [
        {"contact_id": f"c{n}", "contact_key": f"k{n}", "email_key": f"{n:032x}", **DIM}
        for n in range(5)
    ],
    "contacts": [
        {"contact_id": f"c{n}", "email": f"person{n}@example.com", "phone": None}
        for n in range(5)
    ],
    "lead_scores": [
        {
            "contact_id": "c0", "vertical": "medical", "lead_score": 61.26, "band": "warm",
            "route": "inside_sales", "band_change": None,
        }
    ],
    "journey_actions": [
        {
            "action_id": "a", "journey": "j", "contact_id": "c4", "action": "add_to_audience",
            "subject": "readers", "requested_at": BEFORE, "definition": "{}",
        }
    ],
}  # fmt: skip


@pytest.fixture
def given(tmp_path: Path) -> Definitions:
    return _definitions(tmp_path, "true")


def _definitions(folder: Path, live: str) -> Definitions:
    import shutil

    made = folder / f"marketing-{live}"
    shutil.copytree(PROJECT / "marketing", made)
    (made / "audiences.yml").write_text(AUDIENCES.format(live=live))
    return definitions.load(made)


@contextmanager
def desk(ledger: Ledger, **rows: list[Mapping[str, Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name, own in {**ROWS, **rows}.items():
            connection.register("given", pa.Table.from_pylist([dict(row) for row in own]))
            connection.execute(f"create table {name} as from given")
            connection.unregister("given")
        people.refuse(connection, people.stops(ledger))
        yield connection


@contextmanager
def room(
    ledger: Ledger, given: Definitions, order: Order, **rows: Any
) -> Iterator[tuple[Room, stand_ins.Room]]:
    vendor = stand_ins.Room()
    module = stand_ins.load("meta")
    with serving(module.app(vendor)) as url, desk(ledger, **rows) as connection:
        its = registry.Desk(module.environment(url), True)
        yield Room(connection, ledger, given, its, order, AT), vendor


def members(ledger: Ledger) -> set[str]:
    table = schema.audience_syncs
    with ledger.reading() as connection:
        query = sa.select(table.c.contact_id).where(table.c.operation == "add")
        return set(connection.execute(query).scalars())


def refuse(ledger: Ledger, key: str, at: Any, **more: str) -> None:
    from workspace.ledger import consent

    event = {
        "identifier_type": "email", "purpose": "ads_audience", "channel": "ads",
        "state": "withdrawn", "source_class": "preference_page", "source": "test", **more,
    }  # fmt: skip
    found = consent.ConsentEvent(identifier_key=key, occurred_at=at, known_at=at, **event)
    consent.append(ledger, [found], at)


def test_only_who_granted_is_sent(ledger: Ledger, given: Definitions) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        (report,) = running.run_destination(ours, "meta")
    assert (report.status, report.counters.added) == ("done", 3)
    assert members(ledger) == {"c0", "c1", "c2"} and len(vendor.lists["71"]) == 3
    assert report.counters.without_consent == 2
    with ledger.reading() as connection:
        (row,) = connection.execute(sa.select(schema.audience_runs)).mappings()
    assert (row["status"], row["queried"], row["delivered"]) == ("done", 3, 3)


def test_a_journey_adds_who_granted(ledger: Ledger, given: Definitions) -> None:
    granted = [
        *ROWS["consent_states"],
        {**ROWS["consent_states"][0], "contact_id": "c4"},
    ]
    with room(ledger, given, Order(True), consent_states=granted) as (ours, _):
        list(running.run_destination(ours, "meta"))
    assert members(ledger) == {"c0", "c1", "c2", "c4"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"purpose": "all", "channel": "all"},
        {"purpose": "marketing", "channel": "email", "state": "objection"},
    ],
)
def test_a_refusal_that_no_run_has_seen_takes_out(
    ledger: Ledger, given: Definitions, more: dict[str, str]
) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        list(running.run_destination(ours, "meta"))
        refuse(ledger, f"{1:032x}", AT - timedelta(days=1), **more)
        people.refuse(ours.connection, people.stops(ledger))
        (report,) = running.run_destination(ours, "meta")
        assert (report.counters.removed, report.counters.refused) == (1, 1)
        assert len(vendor.lists["71"]) == 2


@pytest.mark.parametrize(
    ("kind", "identifier", "left"),
    [
        ("domain", domain_key("example.com"), 0),
        ("domain", domain_key("clinic.fr"), 2),
        ("crm_company", "a" * 32, 2),
        ("crm_company", "b" * 32, 3),
    ],
)
def test_an_organisation_takes_its_people_out(
    ledger: Ledger, given: Definitions, kind: str, identifier: str, left: int
) -> None:
    ties = [{"account_id": "a" * 32, "contact_id": "c1"}]
    accounts = [{"account_id": "a" * 32, "domain": "https://www.Clinic.fr"}]
    said = {"identifier_type": kind, "purpose": "all", "channel": "all", "source_class": "manual"}
    with room(ledger, given, Order(True), account_contacts=ties, dim_accounts=accounts) as (
        ours,
        vendor,
    ):
        list(running.run_destination(ours, "meta"))
        for state, expected in (("objection", left), ("lifted", 3)):
            refuse(ledger, identifier, AT - timedelta(days=1), **said, state=state)
            people.refuse(ours.connection, people.stops(ledger))
            list(running.run_destination(ours, "meta"))
            assert len(vendor.lists["71"]) == expected


@pytest.mark.parametrize(
    ("more", "days"),
    [({}, 60), ({"purpose": "marketing", "channel": "email"}, 1), ({"channel": "email"}, 1)],
)
def test_a_refusal_of_something_else_or_before_the_grant_does_not(
    ledger: Ledger, given: Definitions, more: dict[str, str], days: int
) -> None:
    refuse(ledger, f"{1:032x}", AT - timedelta(days=days), **more)
    with room(ledger, given, Order(True)) as (ours, _):
        list(running.run_destination(ours, "meta"))
    assert "c1" in members(ledger)


@pytest.mark.parametrize(
    ("reason", "channel", "days", "stays"),
    [
        ("unsubscribed", "email", 1, False),
        ("complaint", "email", 1, False),
        ("provider_list", "email", 1, False),
        ("stop", "all", 1, False),
        ("stop", "sms", 1, True),
        ("hard_bounce", "email", 1, True),
        ("unsubscribed", "email", 60, True),
    ],
)
def test_who_told_a_provider_is_no_member(
    ledger: Ledger, reason: str, channel: str, days: int, stays: bool
) -> None:
    """On the channel, for every purpose, unless the grant is newer."""
    row = {
        "identifier_key": f"{1:032x}", "channel": channel, "reason": reason,
        "source": "webhook:sendgrid", "suppressed_at": AT - timedelta(days=days),
    }  # fmt: skip
    ledger.append(schema.suppressions, [row])
    granted = [
        {**ROWS["consent_states"][n], "purpose": "newsletter", "channel": "email"} for n in (0, 1)
    ]
    with desk(ledger, consent_states=granted) as connection:
        people.allow(connection, "allowed", "newsletter", "email")
        found = {key for (key,) in connection.execute("select contact_id from allowed").fetchall()}
    assert found == ({"c0", "c1"} if stays else {"c0"})


def test_who_is_erased_is_taken_out(ledger: Ledger, given: Definitions) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        list(running.run_destination(ours, "meta"))
        row = {"identifier_key": f"{2:032x}", "request_id": "r", "erased_at": BEFORE}
        ledger.append(schema.tombstones, [row])
        people.refuse(ours.connection, people.stops(ledger))
        # The mart may have lost the contact already.
        ours.connection.execute("delete from contacts where contact_id = 'c2'")
        list(running.run_destination(ours, "meta"))
        assert len(vendor.lists["71"]) == 2
    with ledger.reading() as connection:
        table = schema.audience_syncs
        query = sa.select(table.c.identifiers).where(table.c.contact_id == "c2")
        assert connection.execute(query).scalar() is None


@pytest.mark.parametrize(
    ("live", "order", "variables", "why"),
    [
        ("false", Order(True), True, "not live"),
        ("true", Order(False), True, "dry run"),
        ("true", Order(True), False, "MARKETING_META_TOKEN"),
    ],
)
def test_nobody_is_asked(
    tmp_path: Path, ledger: Ledger, live: str, order: Order, variables: bool, why: str
) -> None:
    with room(ledger, _definitions(tmp_path, live), order) as (ours, vendor):
        if not variables:
            ours.desk.values = {}
        (report,) = running.run_destination(ours, "meta")
        assert (report.status, report.counters.added) == ("planned", 3)
        assert why in str(report.reason) and vendor.posts == []
    assert members(ledger) == set()


def filled(ours: Room) -> None:
    assert [one.delivered for one in running.run_destination(ours, "meta")] == [3]


def test_an_audience_that_is_deleted_is_emptied(ledger: Ledger, given: Definitions) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        filled(ours)
        text = AUDIENCES.format(live="true")
        path = given.folder / "audiences.yml"
        path.write_text("crm:" + text.split("crm:")[1])
        ours = replace(ours, definitions=definitions.load(given.folder))
        assert running.has_work(ours.ledger, ours.definitions, "meta")
        (report,) = running.run_destination(replace(ours, order=Order(False)), "meta")
        assert report.status == "planned" and len(vendor.lists["71"]) == 3
        assert "3 members stand at readers, which audiences.yml does not send there" in str(
            report.reason
        )
        (report,) = running.run_destination(ours, "meta")
        assert (report.status, report.place.audience, report.delivered) == ("done", "readers", 3)
        assert vendor.lists["71"] == set()
        assert list(running.run_destination(ours, "meta")) == []
        assert not running.has_work(ours.ledger, ours.definitions, "meta")


def test_a_large_audience_that_is_deleted_waits_and_a_withdrawal_does_not(
    ledger: Ledger, given: Definitions
) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        filled(ours)
        (given.folder / "audiences.yml").write_text("breaker: {from_members: 2}\n")
        ours = replace(ours, definitions=definitions.load(given.folder))
        refuse(ledger, f"{1:032x}", AT - timedelta(days=1))
        people.refuse(ours.connection, people.stops(ledger))
        (report,) = running.run_destination(ours, "meta")
        assert (report.status, report.delivered) == ("held", 1)
        assert "3 members stand at readers" in str(report.reason)
        assert len(vendor.lists["71"]) == 2
        accepted = replace(ours, order=Order(True, frozenset({"readers"})))
        (report,) = running.run_destination(accepted, "meta")
        assert report.status == "done" and vendor.lists["71"] == set()


def test_an_audience_that_is_renamed_keeps_its_members(ledger: Ledger, given: Definitions) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        filled(ours)
        before = set(vendor.lists["71"])
        text = AUDIENCES.format(live="true").replace("  readers:", "  subscribers:")
        (given.folder / "audiences.yml").write_text(text)
        ours = replace(ours, definitions=definitions.load(given.folder))
        writes = len(vendor.writes)
        reports = list(running.run_destination(ours, "meta"))
        assert [one.place.audience for one in reports] == ["subscribers", "readers"]
        assert vendor.lists["71"] == before
        assert {operation for operation, _, _ in vendor.writes[writes:]} == {"add"}
        assert len(list(running.run_destination(ours, "meta"))) == 1


def test_an_audience_that_goes_elsewhere_leaves_where_it_was(
    ledger: Ledger, given: Definitions
) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        filled(ours)
        text = AUDIENCES.format(live="true").replace("destination: meta", "destination: linkedin")
        (given.folder / "audiences.yml").write_text(text)
        ours = replace(ours, definitions=definitions.load(given.folder))
        (report,) = running.run_destination(ours, "meta")
        assert report.place.destination == "meta" and vendor.lists["71"] == set()
        (report,) = running.run_destination(ours, "linkedin")
        assert (report.status, report.counters.added) == ("planned", 3)


def test_withdrawals_that_an_audience_owes_which_is_not_live_are_told(
    tmp_path: Path, ledger: Ledger, given: Definitions
) -> None:
    with room(ledger, given, Order(True)) as (ours, vendor):
        filled(ours)
        ours = replace(ours, definitions=_definitions(tmp_path, "false"))
        (report,) = running.run_destination(ours, "meta")
        assert report.status == "planned", "nobody withdrew"
        refuse(ledger, f"{1:032x}", AT - timedelta(days=1))
        people.refuse(ours.connection, people.stops(ledger))
        (report,) = running.run_destination(ours, "meta")
        assert report.status == "held" and "not live" in str(report.reason)
        assert "1 of 3 members may not be there any more" in str(report.reason)
        ours.desk.values = {}
        ours = replace(ours, definitions=given)
        (report,) = running.run_destination(ours, "meta")
        assert report.status == "held" and "MARKETING_META_TOKEN" in str(report.reason)
        assert len(vendor.lists["71"]) == 3


def test_a_stale_segment_is_not_sent(ledger: Ledger, given: Definitions) -> None:
    stale = [{**ROWS["marketing_segments"][0], "is_stale": True}]
    with room(ledger, given, Order(True), marketing_segments=stale) as (ours, vendor):
        (report,) = running.run_destination(ours, "meta")
        assert report.status == "held" and vendor.lists["71"] == set()


def test_who_did_not_consent_to_profiling_is_no_call(ledger: Ledger, given: Definitions) -> None:
    leads = [
        {**ROWS["lead_scores"][0], "contact_id": f"c{n}", "band_change": "up"} for n in range(2)
    ]
    vendor, module = stand_ins.Room(), stand_ins.load("hubspot")
    own = {"live": True, "tasks": {"inside_sales": Task(title="Call")}}
    crm = given.audiences.crm.model_copy(update=own)
    told = replace(given, audiences=given.audiences.model_copy(update={"crm": crm}))
    with serving(module.app(vendor)) as url, desk(ledger, lead_scores=leads) as connection:
        for n in range(2):
            vendor.more["account"].contact(vendor, f"person{n}@example.com")
        its = registry.Desk(module.environment(url), True)
        done = running.run_crm(Room(connection, ledger, told, its, Order(True), AT))
    assert dict(done.states) == {"delivered": 1, "failed": 1}
    assert len(vendor.more["account"].objects["tasks"]) == 1


def test_what_contacts_are_told(ledger: Ledger, given: Definitions) -> None:
    with room(ledger, given, Order(True)) as (ours, _):
        running.request_of(ours, registry.CONTACTS, "hubspot")
        rows = ours.connection.execute(
            "select contact_id, attributes from members_crm_contacts order by 1"
        ).fetchall()
        may = ours.connection.execute("select contact_id from allowed_crm_contacts").fetchall()
    assert rows[0] == ("c0", '{"lead_score":61.3,"segments":"newsletter_readers"}')
    assert rows[4] == ("c4", '{"lead_score":null,"segments":null}')
    assert may == [("c0",)], "profiling is asked for"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("identifiers: [email, phone]\n    destination: linkedin", 7, "takes no phone"),
        ("identifiers: [email]\n    destination: meta\n    list_id: null", 7, "needs list_id"),
        ("identifiers: [email]\n    destination: meta\n    hashed: false", 9, "says itself"),
    ],
)
def test_what_a_destination_cannot_do_is_refused(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    head = "audiences:\n  one:\n    name: One\n    segment: s\n    purpose: p\n    list_id: x\n    "
    if "list_id" in text:
        head = head.replace("    list_id: x\n", "")
    (tmp_path / "audiences.yml").write_text(head + text + "\n")
    with pytest.raises(DefinitionError, match=told) as caught:
        registry.check(tmp_path)
    assert f"audiences.yml:{line}" in str(caught.value)


def test_no_variable_is_one_of_a_provider_of_messages() -> None:
    """Each of the two would send the other's data to its address, with its secret."""
    theirs = {
        name
        for one in providers.NAMES
        for name in (*providers.load(one).SECRETS, *providers.load(one).VARIABLES)
    }
    assert len(theirs) > 20
    assert theirs.isdisjoint(registry.variables())


def test_the_table_of_features_is_current() -> None:
    text = (PROJECT / "docs" / "audiences.md").read_text()
    begin, end = "<!-- destinations -->\n", "\n<!-- /destinations -->"
    assert text.split(begin)[1].split(end)[0] == registry.feature_table()
