"""Erasure from the promise to the certificate, in a workspace with a copy in every place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import dagster_project.erasing
from dagster_project.erasing import Landing
from ingestion import load_pending
from ingestion.accounts import unbalanced
from ingestion.contracts import KINDS
from reverse_etl.backups import Store, after_restore, make, restore
from reverse_etl.privacy import certificates, erasing, open_work, replay, streams
from reverse_etl.privacy.certificates import NotGenuine
from reverse_etl.privacy.erasing import Desk
from reverse_etl.privacy.forms import Identifier
from reverse_etl.privacy.scanning import scan
from reverse_etl.privacy.subjects import Subject, resolve
from reverse_etl.publish import postgres, reader
from reverse_etl.publish.publisher import (
    NothingPublished,
    current_version,
    point_to,
    rollback,
    rooms,
    versions_of,
)
from tests.reverse_etl.privacy import small_world as world
from workspace import settings
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import audit, lease, messages, open_ledger, schema
from workspace.ledger.messages import Message
from workspace.paths import Paths
from workspace.restored import NotReplayed
from workspace.restored import check as check_restored
from workspace.witness import Witness

RING = world.RING
LATER = world.NOW + timedelta(hours=1)


@pytest.fixture
def desk(paths: Paths, tmp_path: Path) -> Iterator[Desk]:
    lake = world.ingest(paths, tmp_path / "files")
    ledger = open_ledger(f"sqlite:///{paths.ledger}")
    world.publish_identities(paths)
    yield Desk(
        paths,
        lake,
        ledger,
        world.RING,
        tmp_path / "witness",
        Landing(paths.landing, lake, world.RING),
        lambda: world.NOW,
        "dpo",
    )
    ledger.close()


def anne(desk: Desk) -> Subject:
    (found,) = resolve(desk.paths, desk.lake, desk.ledger, desk.keyring, [world.ANNE])
    return found


def queue(desk: Desk) -> str:
    """A message to Anne that waits to be sent."""
    key = world.RING.key("email", world.IDENTIFIERS["email"][0])
    contact = world.RING.key("crm_contact", "9001001")
    assert key is not None and contact is not None
    message = Message(
        message_id="a" * 64,
        contact_id=contact,
        destination_key=key,
        destination=world.ANNE,
        payload=f"To: {world.ANNE}".encode(),
        source_kind="campaign",
        source_key="spring",
        step="",
        occurrence="1",
        channel="email",
        message_class="marketing",
        purpose="marketing_email",
        scheduled_at=world.NOW,
        aliases=frozenset({key}),
    )
    messages.enqueue(desk.ledger, [message], world.NOW, "tenant")
    return message.message_id


def hits(desk: Desk) -> list[str]:
    wanted = [Identifier(k, v) for k, values in world.IDENTIFIERS.items() for v in values]
    return [f"{hit.path} {hit.place}" for hit in scan(desk.paths.root, wanted).hits]


def erase(desk: Desk) -> erasing.Outcome:
    """What the command does."""
    for work in erasing.unfinished(desk):
        erasing.work_off(desk, work)
        return erasing.finish(desk, work)
    raise AssertionError("nothing to do")


def test_nothing_is_left_and_it_is_proven(desk: Desk) -> None:
    message = queue(desk)
    assert hits(desk)
    work = erasing.begin(desk, [anne(desk)], "by letter")
    waiting = erasing.finish(desk, work)
    assert waiting.waits_for and "work_off" in waiting.waits_for and not waiting.is_done
    outcome = erase(desk)
    assert outcome.is_done, outcome.hits
    assert hits(desk) == []
    assert not list(open_work.unfinished(desk.paths))

    (path,) = outcome.certificates
    said = certificates.verify(path, desk.keyring)
    assert said["scan"]["hits"] == 0 and said["steps"]["lake"]["events"] == 5
    assert "canary" not in path.with_suffix(".txt").read_text().lower()
    with desk.ledger.reading() as connection:
        row = connection.execute(sa.select(schema.messages)).mappings().one()
        request = connection.execute(sa.select(schema.privacy_requests)).mappings().one()
        buried = connection.execute(sa.select(schema.tombstones.c.identifier_key)).scalars().all()
        payloads = connection.execute(sa.select(schema.message_payloads)).all()
    assert (row["message_id"], row["state"], row["reason"]) == (message, "blocked", "erased")
    assert not {row["contact_id"], row["destination_key"], *json.loads(row["aliases"])} & set(
        buried
    )
    assert set(buried) == world.keys_of() and payloads == []
    assert (request["state"], request["due_at"].month) == ("done", 11)
    assert audit.verify(desk.ledger).broken is None
    witness = next((desk.witnesses).iterdir())
    assert Witness(witness).buried() == world.keys_of()
    assert not [fault for kind in KINDS for fault in unbalanced(desk.lake, kind)]


def test_a_certificate_that_was_changed_is_refused(desk: Desk) -> None:
    erasing.begin(desk, [anne(desk)])
    (path,) = erase(desk).certificates
    certificates.verify(path, desk.keyring)
    with pytest.raises(NotGenuine, match="another workspace"):
        certificates.verify(path, Keyring(b"another pepper"))
    path.write_text(path.read_text().replace('"hits": 0', '"hits": 1'))
    with pytest.raises(NotGenuine, match="changed"):
        certificates.verify(path, desk.keyring)


def test_a_place_that_is_left_is_told_and_no_certificate_made(desk: Desk) -> None:
    erasing.begin(desk, [anne(desk)])
    note = desk.paths.root / "note.txt"
    note.write_text(f"call {world.ANNE}")
    outcome = erase(desk)
    assert {hit.path for hit in outcome.hits} == {"note.txt"} and not outcome.certificates
    assert world.ANNE not in str(outcome)
    note.unlink()
    assert erase(desk).is_done


def test_an_older_version_that_came_back_is_not_signed(desk: Desk) -> None:
    def keys() -> set[str]:
        with reader(desk.paths) as connection:
            rows = connection.execute("select identifier_key from marts.identity_map").fetchall()
        return {key for (key,) in rows} & world.keys_of()

    old = {room: current_version(desk.paths) for room in rooms(desk.paths)}
    kept = desk.witnesses.parent / "kept"
    for number, (room, name) in enumerate(old.items()):
        shutil.copytree(room.root / name, kept / str(number))
    work = erasing.begin(desk, [anne(desk)])
    assert keys()
    erasing.work_off(desk, work)
    assert not keys() and [len(versions_of(room)) for room in old] == [1, 1]
    with pytest.raises(NothingPublished):
        rollback(desk.paths)
    for number, (room, name) in enumerate(old.items()):
        shutil.copytree(kept / str(number), room.root / name)
        point_to(room, name)
    assert keys()
    assert erasing.finish(desk, work).is_done
    assert not keys()


def test_a_postgres_that_was_published_to_is_asked_before_it_is_signed(
    desk: Desk, postgres_url: str
) -> None:
    url = postgres_url.replace("+psycopg", "")
    postgres.load(desk.paths, url, world.NOW)
    erasing.begin(desk, [anne(desk)])
    waiting = erase(desk)  # in a shell that does not know of it
    assert waiting.waits_for and "MARKETING_PUBLISH_POSTGRES" in waiting.waits_for
    knowing = replace(desk, postgres=url)
    (work,) = erasing.unfinished(desk)
    waiting = erasing.finish(knowing, work)
    assert waiting.waits_for and "has version" in waiting.waits_for and not waiting.certificates
    postgres.load(desk.paths, url, LATER)
    outcome = erasing.finish(knowing, work)
    assert outcome.is_done and outcome.certificates


class Killed(BaseException):
    """What a kill looks like from inside."""


def _moments() -> list[str]:
    return [
        "workspace.lake.durable.write",
        "workspace.lake.durable.replace",
        "ingestion.redaction.durable.replace",
        "reverse_etl.privacy.records._vacuum",
        "reverse_etl.privacy.computed.shutil.rmtree",
        "reverse_etl.publish.mending.os.link",
        "reverse_etl.publish.mending.point_to",
        "workspace.ledger.privacy_requests.note_step",
        "reverse_etl.privacy.certificates.durable.write",
    ]


@pytest.mark.parametrize("moment", _moments())
@pytest.mark.parametrize("turn", [1, 3])
def test_killed_at_any_step_it_converges(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str, turn: int
) -> None:
    queue(desk)
    erasing.begin(desk, [anne(desk)])
    count = 0
    module, _, name = moment.rpartition(".")
    target: object = __import__(module.split(".")[0])
    for part in module.split(".")[1:]:
        target = getattr(target, part)
    real: Callable[..., object] = getattr(target, name)

    def dying(*args: object, **more: object) -> object:
        nonlocal count
        count += 1
        if count == turn:
            raise Killed
        return real(*args, **more)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(target, name, dying)
        erase(desk)
        raise Killed  # its turn did not come
    if list(open_work.unfinished(desk.paths)):
        assert erase(desk).is_done
    assert hits(desk) == []
    assert not streams.remaining(desk.lake, _stand_ins())
    assert not [fault for kind in KINDS for fault in unbalanced(desk.lake, kind)]


def _stand_ins() -> streams.StandIns:
    subject = Subject(
        None, frozenset(world.keys_of()), {k: frozenset(v) for k, v in world.IDENTIFIERS.items()}
    )
    return streams.StandIns.draw([subject], world.RING)


def test_a_plan_that_was_never_promised_is_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(erasing.records, "bury", dying)
        erasing.begin(desk, [anne(desk)])
    assert erasing.unfinished(desk) == [] and not list(open_work.unfinished(desk.paths))


def test_late_files_do_not_bring_anybody_back(desk: Desk, tmp_path: Path) -> None:
    erasing.begin(desk, [anne(desk)])
    assert erase(desk).is_done
    late = desk.paths.landing / "delivery_events" / "late.ndjson"
    late.write_text(
        "".join(json.dumps({**d, "provider_event_id": "late"}) + "\n" for d in world.DELIVERIES[:1])
    )
    (loaded,) = load_pending("delivery_events", desk.paths.landing, desk.lake, world.RING)
    assert (loaded.received, loaded.erased) == (1, 1)
    assert hits(desk) == []
    again = Lake(tmp_path / "again")
    for kind in KINDS:
        for result in load_pending(kind, desk.paths.landing, again, world.RING, guard=False):
            assert not result.bad


def test_check_23_a_restored_backup_is_cleared_before_anything_runs(
    desk: Desk, tmp_path: Path
) -> None:
    """Acceptance check 23: an old copy of lake, landing and ledger comes back after the erasure."""
    queue(desk)
    with lease.holding(desk.ledger, desk.paths.root, desk.witnesses, "test", world.NOW):
        pass
    desk.ledger.close()
    backup = tmp_path / "backup"
    shutil.copytree(desk.paths.root, backup, symlinks=True)
    erasing.begin(desk, [anne(desk)])
    assert erase(desk).is_done and hits(desk) == []
    with lease.holding(desk.ledger, desk.paths.root, desk.witnesses, "test", LATER):
        pass
    desk.ledger.close()

    restored = Paths(backup)
    ledger = open_ledger(f"sqlite:///{restored.ledger}")
    lake = Lake(restored.lake)
    again = replace(
        desk,
        paths=restored,
        lake=lake,
        ledger=ledger,
        landing=Landing(restored.landing, lake, RING),
    )
    assert hits(again)
    assert replay.due(again) == world.keys_of()
    with (
        pytest.raises(lease.NotHere),
        lease.holding(ledger, restored.root, desk.witnesses, "test", LATER),
    ):
        raise AssertionError("it may send")
    replay.replay(again)
    with ledger.reading() as connection:
        message = connection.execute(sa.select(schema.messages)).mappings().one()
        buried = set(connection.execute(sa.select(schema.tombstones.c.identifier_key)).scalars())
    assert (message["state"], message["reason"]) == ("blocked", "erased")
    assert buried == world.keys_of()
    assert erase(again).is_done and hits(again) == []
    assert not replay.due(again) and replay.replay(again) == []
    late = restored.landing / "delivery_events" / "late.ndjson"
    late.write_text(json.dumps({**world.DELIVERIES[0], "provider_event_id": "late"}) + "\n")
    (loaded,) = load_pending("delivery_events", restored.landing, lake, RING)
    assert loaded.erased == 1 and hits(again) == []
    ledger.close()


def test_a_backup_comes_back_without_whoever_was_erased_since(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the commands do it: a backup, an erasure, and the backup in a new folder."""
    monkeypatch.setenv("MARKETING_PEPPER", RING.pepper.decode())
    monkeypatch.setenv("MARKETING_WITNESS", str(desk.witnesses))
    queue(desk)
    with lease.holding(desk.ledger, desk.paths.root, desk.witnesses, "test", world.NOW):
        pass
    store = Store(tmp_path / "backups")
    make(settings.load(desk.paths.root), store, world.NOW, 7)
    erasing.begin(desk, [anne(desk)])
    assert erase(desk).is_done

    target = settings.load(tmp_path / "restored")
    restore(target, store, None, LATER)
    again = replace(desk, paths=target.paths)
    assert hits(again)
    with pytest.raises(NotReplayed):
        check_restored(target.paths.root)
    assert after_restore(target, desk.witnesses, LATER, dagster_project.erasing.replay)
    check_restored(target.paths.root)
    # The plan of the erasure stays until the next run has proven it.
    assert [hit for hit in hits(again) if not hit.startswith("privacy/open/")] == []
