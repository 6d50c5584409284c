"""Tasks, tickets and changes in the CRM: each once, and looked up where no answer came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from reverse_etl.audiences import crm
from reverse_etl.audiences.registry import CONTACTS
from sandbox.servers.messaging import Trouble
from tests.reverse_etl.audiences.worlds import AT, Place_, open_place
from workspace.definitions.audiences import Crm, Task
from workspace.ledger import Ledger, schema

LATER = AT + timedelta(hours=1)
TABLE = schema.crm_actions
SETTINGS = Crm(
    tasks={"inside_sales": Task(title="Qualify a warm lead", due_days=3, owner="70")},
    queues={"sales": "71"},
)
TEXT = pa.string()
TABLES = {
    "journey_actions": {
        "action_id": TEXT, "journey": TEXT, "contact_id": TEXT, "action": TEXT, "subject": TEXT,
        "requested_at": pa.timestamp("us"), "definition": TEXT,
    },
    "campaign_tickets": {
        "ticket_id": TEXT, "campaign": TEXT, "title": TEXT, "body": TEXT, "failed_on": pa.date32(),
    },
    "lead_scores": {
        "contact_id": TEXT, "vertical": TEXT, "lead_score": pa.float64(), "band": TEXT,
        "route": TEXT, "band_change": TEXT,
    },
    "contacts": {"contact_id": TEXT, "email": TEXT, "phone": TEXT},
    "rectifications": {
        "rectification_id": TEXT, "contact_id": TEXT, "crm_id": TEXT, "field": TEXT, "value": TEXT,
        "status": TEXT, "known_at": pa.timestamp("us"),
    },
    "stops": {"contact_id": TEXT, "state": TEXT},
    "allowed": {"contact_id": TEXT},
}  # fmt: skip
ANNE = {"contact_id": "c1", "email": "anne@example.com"}
KNOWN = {"contacts": [ANNE], "allowed": [{"contact_id": "c1"}]}


def asked(action: str = "create_task", at: datetime = AT, **more: Any) -> dict[str, Any]:
    node = {"action": action, "title": "Call", "due": {"days": 2}, **more}
    return {
        "action_id": f"a-{action}", "journey": "welcome", "contact_id": "c1", "action": action,
        "subject": "Call", "requested_at": at, "definition": json.dumps(node),
    }  # fmt: skip


@contextmanager
def marts(**rows: list[Mapping[str, Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name, columns in TABLES.items():
            given = [dict(row) for row in rows.get(name, KNOWN.get(name, []))]
            connection.register("given", pa.Table.from_pylist(given, schema=pa.schema(columns)))
            connection.execute(f"create table {name} as from given")
            connection.unregister("given")
        yield connection


@pytest.fixture
def hubspot(tmp_path: Path) -> Iterator[Place_]:
    with open_place(CONTACTS, tmp_path) as place:
        account = place.room.more["account"]
        account.contact(place.room, ANNE["email"], hubspot_owner_id="77")
        yield place


def deliver(
    place: Place_, ledger: Ledger, at: datetime = AT, settings: Crm = SETTINGS, **rows: Any
) -> crm.Done:
    with marts(**rows) as connection:
        return crm.deliver(connection, ledger, settings, crm.open_hub(place.desk), at, "allowed")


def states(ledger: Ledger) -> dict[str, str]:
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(TABLE.c.action_id, TABLE.c.state))
        return {key: state for key, state in rows}


def objects(place: Place_, kind: str) -> list[dict[str, str]]:
    return list(place.room.more["account"].objects[kind].values())


def test_a_task_is_made_once(hubspot: Place_, ledger: Ledger) -> None:
    done = deliver(hubspot, ledger, journey_actions=[asked()])
    assert (done.planned, dict(done.states), done.reason) == (1, {"delivered": 1}, None)
    (task,) = objects(hubspot, "tasks")
    assert task["hs_task_subject"] == "Call" and task["hubspot_owner_id"] == "77"
    assert task["hs_timestamp"] == str(
        int((AT - datetime(1970, 1, 1)).total_seconds() + 172_800) * 1000
    )
    assert hubspot.room.more["account"].links[0][0] == "tasks"
    again = deliver(hubspot, ledger, LATER, journey_actions=[asked()])
    assert (again.planned, dict(again.states)) == (0, {})
    assert len(objects(hubspot, "tasks")) == 1


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.RESET, Trouble.HTML, Trouble.SLOW])
def test_a_task_whose_answer_never_came_is_not_made_twice(
    hubspot: Place_, ledger: Ledger, trouble: Trouble
) -> None:
    deliver(hubspot, ledger, journey_actions=[asked("create_ticket")])  # the properties are there
    account = hubspot.room.more["account"]
    known = account.properties["tasks"]
    known["mw_action_id"] = {"name": "mw_action_id", "hasUniqueValue": True}
    # The first POST reads the contact, the second makes the task.
    hubspot.room.troubles.clear()
    with _second(hubspot, trouble):
        done = deliver(hubspot, ledger, journey_actions=[asked()])
    assert dict(done.states) == {"unknown": 1}
    assert states(ledger)["a-create_task"] == "unknown"
    assert len(objects(hubspot, "tasks")) == 1
    later = deliver(hubspot, ledger, LATER, journey_actions=[asked()])
    assert dict(later.states) == {"delivered": 1}
    assert len(objects(hubspot, "tasks")) == 1


def test_an_unknown_task_that_was_not_made_is_made(hubspot: Place_, ledger: Ledger) -> None:
    deliver(hubspot, ledger, journey_actions=[asked()])
    account = hubspot.room.more["account"]
    account.objects["tasks"].clear()
    with ledger.writing() as connection:
        connection.execute(TABLE.update().values(state="sending"))  # killed at the request
    done = deliver(hubspot, ledger, LATER, journey_actions=[asked()])
    assert dict(done.states) == {"delivered": 1} and len(objects(hubspot, "tasks")) == 1


def test_hubspot_itself_refuses_a_second_one(hubspot: Place_, ledger: Ledger) -> None:
    """An answer that was lost before anything was written down."""
    deliver(hubspot, ledger, journey_actions=[asked()])
    with ledger.writing() as connection:
        connection.execute(TABLE.update().values(state="due", remote_id=None))
    done = deliver(hubspot, ledger, LATER, journey_actions=[asked()])
    assert dict(done.states) == {"delivered": 1} and len(objects(hubspot, "tasks")) == 1


def test_tickets_and_changes(hubspot: Place_, ledger: Ledger) -> None:
    ticket = {
        "ticket_id": "t1", "campaign": "spring", "title": "Campaign failed: Spring",
        "body": "Reached 3 of 10", "failed_on": date(2026, 8, 31),
    }  # fmt: skip
    change = asked("update_crm", properties={"lastname": "Dupont"})
    done = deliver(hubspot, ledger, campaign_tickets=[ticket], journey_actions=[change])
    assert dict(done.states) == {"delivered": 2}
    (made,) = objects(hubspot, "tickets")
    assert (made["subject"], made["hs_pipeline_stage"]) == ("Campaign failed: Spring", "1")
    assert objects(hubspot, "contacts")[0]["lastname"] == "Dupont"


def corrected(crm_id: str | None, field: str, value: str | None, **more: Any) -> dict[str, Any]:
    return {
        "rectification_id": f"r-{field}", "contact_id": "c1", "crm_id": crm_id, "field": field,
        "value": value, "status": "holds", "known_at": AT - timedelta(days=90), **more,
    }  # fmt: skip


def test_what_a_person_had_corrected_is_told_by_the_record_s_id(
    hubspot: Place_, ledger: Ledger
) -> None:
    """By its id, for the address that the CRM knows is what is wrong; without consent, though
    somebody objected, and however long ago it was."""
    (crm_id,) = hubspot.room.more["account"].objects["contacts"]
    rows = [
        corrected(crm_id, "email", "new@example.com"),
        corrected(crm_id, "city", None),
        corrected(crm_id, "phone", "+33600000000", status="overruled"),
        corrected(None, "country", "FR"),
    ]
    stops = [{"contact_id": "c1", "state": "objection"}]
    done = deliver(hubspot, ledger, rectifications=rows, allowed=[], stops=stops)
    assert dict(done.states) == {"delivered": 2}
    (contact,) = objects(hubspot, "contacts")
    assert (contact["email"], contact["city"]) == ("new@example.com", "")
    assert "phone" not in contact and "country" not in contact
    again = deliver(hubspot, ledger, LATER, rectifications=rows)
    assert (again.planned, dict(again.states)) == (0, {})


def test_nothing_is_told_of_who_was_erased(hubspot: Place_, ledger: Ledger) -> None:
    (crm_id,) = hubspot.room.more["account"].objects["contacts"]
    rows = [corrected(crm_id, "email", "new@example.com")]
    stops = [{"contact_id": "c1", "state": "erased"}]
    done = deliver(hubspot, ledger, rectifications=rows, stops=stops)
    assert dict(done.states) == {"failed": 1}
    assert objects(hubspot, "contacts")[0]["email"] == ANNE["email"]


def test_leads_go_where_their_route_says(hubspot: Place_, ledger: Ledger) -> None:
    lead = {
        "contact_id": "c1", "vertical": "public", "lead_score": 60.0, "band": "warm",
        "route": "inside_sales", "band_change": "up",
    }  # fmt: skip
    other = {**lead, "route": "newsletter"}
    done = deliver(hubspot, ledger, lead_scores=[lead, {**other, "contact_id": "c2"}])
    assert dict(done.states) == {"delivered": 1}
    for days in (0, 5, 29):
        again = deliver(hubspot, ledger, AT + timedelta(days=days), lead_scores=[lead])
        assert again.planned == 0
    assert deliver(hubspot, ledger, AT + timedelta(days=31), lead_scores=[lead]).planned == 1


LEAD = {
    "contact_id": "c1", "vertical": "public", "lead_score": 60.0, "band": "warm",
    "route": "inside_sales", "band_change": "up",
}  # fmt: skip


@pytest.mark.parametrize("is_still_a_lead", [True, False])
@pytest.mark.parametrize("troubles", [[Trouble.DENIED], [Trouble.RESET] * 4])
def test_a_lead_is_called_after_an_outage(
    hubspot: Place_, ledger: Ledger, troubles: list[Trouble], is_still_a_lead: bool
) -> None:
    """As it was asked for, also when the score has changed since."""
    hubspot.room.order(*troubles)
    done = deliver(hubspot, ledger, lead_scores=[LEAD])
    assert done.reason and (done.planned, set(states(ledger).values())) == (1, {"due"})
    leads = [LEAD] if is_still_a_lead else []
    for days in (1, 2):
        again = deliver(hubspot, ledger, AT + timedelta(days=days), lead_scores=leads)
        assert again.planned == 0
    assert set(states(ledger).values()) == {"delivered"}
    (task,) = objects(hubspot, "tasks")
    assert task["hs_task_subject"] == "Qualify a warm lead"
    assert task["hs_timestamp"] == str(
        int((AT + timedelta(days=3) - datetime(1970, 1, 1)).total_seconds()) * 1000
    )


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_a_call_that_was_not_made_is_made(hubspot: Place_, ledger: Ledger, state: str) -> None:
    deliver(hubspot, ledger, lead_scores=[LEAD])
    hubspot.room.more["account"].objects["tasks"].clear()
    with ledger.writing() as connection:
        connection.execute(TABLE.update().values(state=state))
    done = deliver(hubspot, ledger, LATER, lead_scores=[LEAD])
    assert dict(done.states) == {"delivered": 1} and len(objects(hubspot, "tasks")) == 1


def test_a_call_whose_route_has_no_task_any_more_is_not_made(
    hubspot: Place_, ledger: Ledger
) -> None:
    hubspot.room.order(Trouble.DENIED)
    deliver(hubspot, ledger, lead_scores=[LEAD])
    done = deliver(hubspot, ledger, LATER, Crm(), lead_scores=[LEAD])
    assert dict(done.states) == {"failed": 1} and objects(hubspot, "tasks") == []


@pytest.mark.parametrize("state", ["objection", "erased"])
def test_who_objected_is_nobodys_task(hubspot: Place_, ledger: Ledger, state: str) -> None:
    asked_for = [asked(kind) for kind in ("create_task", "create_ticket", "update_crm")]
    stops = [{"contact_id": "c1", "state": state}]
    done = deliver(hubspot, ledger, journey_actions=asked_for, lead_scores=[LEAD], stops=stops)
    assert dict(done.states) == {"failed": 4}
    assert objects(hubspot, "tasks") == objects(hubspot, "tickets") == []
    with ledger.reading() as connection:
        codes = set(connection.execute(sa.select(TABLE.c.code)).scalars())
    assert codes == {"refused"}


def test_without_consent_to_profiling_nobody_is_called_or_changed(
    hubspot: Place_, ledger: Ledger
) -> None:
    """A task of a journey is none of it; a withdrawal of something else no objection."""
    asked_for = [asked(), asked("update_crm", properties={"lastname": "Dupont"})]
    done = deliver(
        hubspot, ledger, journey_actions=asked_for, lead_scores=[LEAD], allowed=[],
        stops=[{"contact_id": "c1", "state": "withdrawn"}],
    )  # fmt: skip
    assert dict(done.states) == {"failed": 2, "delivered": 1}
    assert [one["hs_task_subject"] for one in objects(hubspot, "tasks")] == ["Call"]
    assert "lastname" not in objects(hubspot, "contacts")[0]


def test_a_refusal_makes_no_second_one_of_what_was_made(hubspot: Place_, ledger: Ledger) -> None:
    deliver(hubspot, ledger, journey_actions=[asked()])
    with ledger.writing() as connection:
        connection.execute(TABLE.update().values(state="unknown"))
    stops = [{"contact_id": "c1", "state": "objection"}]
    done = deliver(hubspot, ledger, LATER, journey_actions=[asked()], stops=stops)
    assert dict(done.states) == {"delivered": 1}, "it is there"


def test_a_task_goes_to_the_queue_where_nobody_owns_the_contact(
    hubspot: Place_, ledger: Ledger
) -> None:
    hubspot.room.more["account"].contact(hubspot.room, "bert@example.com")
    bert = {"contact_id": "c1", "email": "bert@example.com"}
    deliver(hubspot, ledger, journey_actions=[asked(queue="sales")], contacts=[bert])
    assert objects(hubspot, "tasks")[0]["hubspot_owner_id"] == "71"


def test_what_is_old_or_unknown_there(hubspot: Place_, ledger: Ledger) -> None:
    old = asked(at=AT - timedelta(days=8))
    stranger = {**asked("create_ticket"), "contact_id": "c9"}
    done = deliver(hubspot, ledger, journey_actions=[old, stranger])
    assert dict(done.states) == {"failed": 1} and objects(hubspot, "tickets") == []
    assert states(ledger) == {"a-create_ticket": "failed"}


def test_refused_credentials_leave_it_due(hubspot: Place_, ledger: Ledger) -> None:
    hubspot.room.order(Trouble.DENIED)
    done = deliver(hubspot, ledger, journey_actions=[asked()])
    assert "credentials" in str(done.reason)
    assert states(ledger) == {"a-create_task": "due"}
    assert dict(deliver(hubspot, ledger, LATER, journey_actions=[asked()]).states) == {
        "delivered": 1
    }


def test_without_a_hub_nothing_is_written(ledger: Ledger) -> None:
    with marts(journey_actions=[asked()]) as connection:
        assert crm.deliver(connection, ledger, SETTINGS, None, AT, "allowed").planned == 1
    assert states(ledger) == {}


@contextmanager
def _second(place: Place_, trouble: Trouble) -> Iterator[None]:
    """The trouble at the second POST from here."""

    class Later(list):  # type: ignore[type-arg]
        def __init__(self) -> None:
            super().__init__()
            self.posts = 0

        def __bool__(self) -> bool:
            self.posts += 1
            return self.posts == 2

        def popleft(self) -> Trouble:
            return trouble

    before = place.room.troubles
    place.room.troubles = Later()  # type: ignore[assignment]
    yield
    place.room.troubles = before
