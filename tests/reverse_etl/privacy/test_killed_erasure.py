"""However often an erasure is killed, on either ledger, it ends with nobody left and one proof."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestion.accounts import unbalanced
from ingestion.contracts import KINDS
from reverse_etl.privacy import certificates, erasing, streams
from reverse_etl.privacy.forms import Identifier
from reverse_etl.privacy.scanning import scan
from reverse_etl.privacy.subjects import Subject, resolve
from tests.reverse_etl.privacy import small_world as world
from tests.reverse_etl.privacy.killed_erasure import desk_of, go_on
from tests.reverse_etl.privacy.test_erasing import queue
from workspace.ledger import audit, schema
from workspace.paths import Paths

#: A little longer than an erasure of the small world takes.
LONGEST_SECONDS = 1.5


def kill(folder: Path, url: str, kills: int) -> None:
    paths = Paths(folder / "w")
    paths.create()
    world.ingest(paths, folder / "files")
    world.publish_identities(paths)
    desk = desk_of(paths.root, url, folder / "witness")
    message = queue(desk)
    (anne,) = resolve(paths, desk.lake, desk.ledger, desk.keyring, [world.ANNE])
    erasing.begin(desk, [anne], "by letter")
    dice = random.Random(kills)
    for turn in range(kills):
        child = [sys.executable, "-m", "tests.reverse_etl.privacy.killed_erasure"]
        arguments = [str(paths.root), url, str(folder / "witness"), str(turn)]
        with subprocess.Popen([*child, *arguments], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            time.sleep(dice.uniform(0, LONGEST_SECONDS))
            process.kill()
    assert go_on(desk, world.NOW.replace(day=2))

    wanted = [Identifier(k, v) for k, values in world.IDENTIFIERS.items() for v in values]
    assert scan(paths.root, wanted).hits == []
    values = {kind: frozenset(held) for kind, held in world.IDENTIFIERS.items()}
    subject = Subject(None, frozenset(world.keys_of()), values)
    assert not streams.remaining(desk.lake, streams.StandIns.draw([subject], world.RING))
    assert not [fault for kind in KINDS for fault in unbalanced(desk.lake, kind)]
    with desk.ledger.reading() as connection:
        row = connection.execute(sa.select(schema.messages)).mappings().one()
        (request,) = connection.execute(sa.select(schema.privacy_requests)).mappings()
        assert connection.execute(sa.select(schema.message_payloads)).all() == []
        erased = connection.execute(
            sa.select(schema.audit_chain.c.after_hash).where(
                schema.audit_chain.c.action == "subject.erased"
            )
        ).scalars()
        assert [*erased] == [request["proof_hash"]]
    assert (row["message_id"], row["state"], row["reason"]) == (message, "blocked", "erased")
    assert row["contact_id"] not in world.keys_of() and request["state"] == "done"
    assert audit.verify(desk.ledger).broken is None
    for path in (paths.root / "privacy" / "certificates").glob("*.json"):
        certificates.verify(path, desk.keyring)
    desk.ledger.close()


def test_killed_a_few_times(tmp_path: Path) -> None:
    kill(tmp_path, f"sqlite:///{tmp_path}/ledger.db", 4)


def test_killed_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    kill(tmp_path, postgres_url, 3)


@pytest.mark.torture
@pytest.mark.parametrize("number", range(10))
def test_killed_often(tmp_path: Path, number: int) -> None:
    kill(tmp_path, f"sqlite:///{tmp_path}/ledger.db", 10 + number)
