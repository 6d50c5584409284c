"""A correction is checked, recorded, and stops what waits for the wrong address."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestion import ingest_files
from reverse_etl.privacy import rectifying
from reverse_etl.privacy.rectifying import Order, RectifyError, checked
from tests.reverse_etl.privacy import planted
from workspace import settings
from workspace.lake import Lake
from workspace.ledger import Ledger, audit, open_ledger, privacy_requests, schema
from workspace.ledger.messages import Message, enqueue
from workspace.paths import Paths

AT = datetime(2025, 7, 1)


class World:
    def __init__(self, paths: Paths, folder: Path) -> None:
        opened = settings.load(paths.root)
        self.paths, self.keyring = paths, opened.keyring
        self.lake, self.ledger = Lake(paths.lake), open_ledger(opened.ledger_url)
        for kind, path in planted.files(folder).items():
            if kind in ("crm", "contacts"):
                ingest_files(
                    kind,
                    [path],
                    paths.landing,
                    self.lake,
                    self.keyring,
                    now=lambda: planted.AT,
                    guard=False,
                )
        self.subject = planted.subject(self.keyring)

    def rectify(self, *changes: str, **more):
        order = Order(checked(changes), AT, AT, "jeanne", **more)
        return rectifying.rectify(
            self.paths, self.lake, self.ledger, self.keyring, self.subject, order
        )

    def rows(self) -> list[dict]:
        return self.lake.read("rectifications").to_pylist()


@pytest.fixture
def world(paths: Paths, tmp_path: Path):
    made = World(paths, tmp_path / "files")
    yield made
    made.ledger.close()


def test_every_record_of_the_person_is_corrected(world: World) -> None:
    done = world.rectify("email=New.Carla@Other.example", "city=Nice", reason="by letter")
    assert (done.records, done.fields) == (2, ("email", "city"))
    found = {(row["record_type"], row["field"]): row for row in world.rows()}
    assert set(found) == {
        ("crm_contact", "email"),
        ("external_id", "email"),
        ("crm_contact", "city"),  # an imported file has none
    }
    email = found["crm_contact", "email"]
    assert email["value"] == "new.carla@other.example"
    assert email["value_key"] == world.keyring.key("email", "new.carla@other.example")
    assert email["record_key"] == world.keyring.key("crm_contact", planted.CRM)
    assert found["crm_contact", "city"]["value_key"] is None


def test_it_is_on_record_without_the_values(world: World) -> None:
    done = world.rectify("email=new@other.example", reason="by letter")
    with world.ledger.reading() as connection:
        (request,) = privacy_requests.find(connection, kind="rectify")
        (entry,) = audit.links(connection)
        dump = [
            tuple(row)
            for table in schema.metadata.sorted_tables
            for row in connection.execute(sa.select(table))
        ]
    assert (request.request_id, request.state) == (done.request_id, "done")
    assert entry.action == "subject.rectify" and entry.before_hash and entry.after_hash
    assert entry.before_hash != entry.after_hash
    text = json.dumps(dump, default=str).lower()
    assert "other.example" not in text and planted.EMAIL.lower() not in text


def test_the_last_of_one_moment_is_known(world: World) -> None:
    world.rectify("city=Nice")
    world.rectify("city=Nantes")
    rows = world.rows()
    assert max(rows, key=lambda row: row["sequence"])["value"] == "Nantes"
    assert len({row["sequence"] for row in rows}) == len(rows)


def message(world: World, contact: str, address: str, number: int) -> Message:
    key = world.keyring.key("email", address)
    assert key
    return Message(
        message_id=f"{number:064x}",
        contact_id=contact,
        destination=address,
        destination_key=key,
        source_kind="campaign",
        source_key=f"c{number}",
        step="",
        occurrence="",
        channel="email",
        message_class="marketing",
        purpose="newsletter",
        scheduled_at=AT,
        payload=b"{}",
    )


def test_what_waits_for_the_wrong_address_is_blocked(world: World) -> None:
    assert world.subject.contact_id
    ours = message(world, world.subject.contact_id, planted.EMAIL.lower(), 1)
    theirs = message(world, "f" * 32, planted.OTHER_EMAIL, 2)
    enqueue(world.ledger, [ours, theirs], AT)
    assert world.rectify("email=new@other.example").blocked == 1
    t = schema.messages.c
    with world.ledger.reading() as connection:
        states = dict(connection.execute(sa.select(t.source_key, t.state)).tuples().all())
    assert states == {"c1": "blocked", "c2": "pending"}


def test_a_name_blocks_nothing(world: World) -> None:
    assert world.subject.contact_id
    enqueue(world.ledger, [message(world, world.subject.contact_id, planted.EMAIL.lower(), 1)], AT)
    assert world.rectify("first_name=Charlotte").blocked == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["email=no address"], "no address"),
        (["phone=12"], "no number"),
        (["country=France"], "two letters"),
        (["age=3"], "fields are"),
        (["email"], "FIELD=VALUE"),
        (["city=a", "city=b"], "given twice"),
        (["city=" + "x" * 501], "500"),
        (["city=a\nb"], "one line"),
        ([], "nothing to correct"),
    ],
)
def test_what_cannot_be_is_refused(given: list[str], told: str) -> None:
    with pytest.raises(RectifyError, match=told):
        checked(given)


def test_values_take_their_normal_form() -> None:
    assert checked(["phone=06 11 22 33 44", "country=fr", "city= Nice ", "job_title="]) == {
        "phone": "+33611223344",
        "country": "FR",
        "city": "Nice",
        "job_title": None,
    }


def test_another_one_s_address_is_refused(world: World) -> None:
    with pytest.raises(RectifyError, match="another record holds it"):
        world.rectify(f"email={planted.OTHER_EMAIL}")
    assert world.rows() == []


def test_who_was_erased_stays_erased(world: World) -> None:
    ledger: Ledger = world.ledger
    row = {"identifier_key": min(world.subject.keys), "request_id": "r", "erased_at": AT}
    ledger.append(schema.tombstones, [row])
    with pytest.raises(RectifyError, match="was erased"):
        world.rectify("city=Nice")
    assert world.rows() == []


def test_who_has_no_record_is_told_of(world: World) -> None:
    world.subject = replace(world.subject, keys=frozenset({"0" * 32}))
    with pytest.raises(RectifyError, match="identify call"):
        world.rectify("city=Nice")


def test_a_correction_that_broke_off_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rectifying, "_block", broken)
        world.rectify("city=Nice")
    done = world.rectify("city=Nice")
    with world.ledger.reading() as connection:
        (request,) = privacy_requests.find(connection, kind="rectify")
    assert (request.request_id, request.state) == (done.request_id, "done")
    assert len(world.rows()) == 1, "the correction is there once"
