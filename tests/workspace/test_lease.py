"""One sender at a time, and none from a copy or a restored backup until somebody says so."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from workspace.ledger import Ledger, lease, messages, open_ledger, schema
from workspace.ledger.lease import Fenced, Lease, NotHere, holding
from workspace.ledger.messages import Message
from workspace.locks import RunInProgress
from workspace.witness import State, Witness

NOW = datetime(2026, 10, 1)


def message(number: int) -> Message:
    return Message(
        message_id=f"{number:064x}",
        contact_id=f"{number + 1000:032x}",
        destination_key=f"{number:032x}",
        source_kind="campaign",
        source_key="spring",
        step="",
        occurrence="2026-10",
        channel="email",
        message_class="marketing",
        purpose="marketing_email",
        scheduled_at=NOW,
        destination="a@example.com",
        payload=b"{}",
    )


class Place:
    """A workspace with a ledger of its own in a file."""

    def __init__(self, folder: Path, witnesses: Path) -> None:
        self.folder, self.witnesses = folder, witnesses
        folder.mkdir(exist_ok=True)
        self.ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}")

    def send(self, numbers: list[int], take: bool = False) -> Lease:
        """Claim messages as a sender does."""
        with holding(self.ledger, self.folder, self.witnesses, "test", NOW, take) as held:
            if numbers:
                with self.ledger.writing() as connection:
                    held.check(connection)
                    held.count(connection)
                held.note(message(n).dedup_key() for n in numbers)
        return held

    def states(self) -> list[str]:
        with self.ledger.reading() as connection:
            query = sa.select(schema.messages.c.state).order_by(schema.messages.c.message_id)
            return list(connection.execute(query).scalars())

    def copy_to(self, folder: Path) -> Place:
        self.ledger.close()
        shutil.copytree(self.folder, folder)
        self.ledger = open_ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        return Place(folder, self.witnesses)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "here", tmp_path / "witness")


def test_every_sender_has_a_greater_epoch(place: Place) -> None:
    assert [place.send([1]).epoch for _ in range(3)] == [1, 2, 3]


def test_a_second_sender_is_told_of_the_first(place: Place) -> None:
    with (
        holding(place.ledger, place.folder, place.witnesses, "first", NOW),
        pytest.raises(RunInProgress, match=r"another sender .*first"),
        holding(place.ledger, place.folder, place.witnesses, "second", NOW),
    ):
        pytest.fail("two hold the lease")


def test_a_sender_that_hangs_can_be_replaced_and_is_fenced(place: Place) -> None:
    with holding(place.ledger, place.folder, place.witnesses, "first", NOW) as first:
        place.send([1], take=True)
        with pytest.raises(Fenced), place.ledger.writing() as connection:
            first.check(connection)


def test_a_copy_does_not_send_until_told_and_then_the_original_does_not(
    place: Place, tmp_path: Path
) -> None:
    messages.enqueue(place.ledger, [message(1), message(2)], NOW)
    place.send([1])
    copy = place.copy_to(tmp_path / "copy")
    with pytest.raises(NotHere, match=r"last sent from .*here"):
        copy.send([2])
    place.send([2])  # the original goes on
    with pytest.raises(NotHere, match="older than what was sent"):
        copy.send([2])
    taken = copy.send([], take=True)
    # It cannot know what left since it was made: nothing of it is sent again.
    assert taken.parked == 2 and copy.states() == ["unknown", "unknown"]
    with pytest.raises(NotHere):
        place.send([])


def test_a_copy_that_missed_nothing_goes_on_where_the_original_was(
    place: Place, tmp_path: Path
) -> None:
    messages.enqueue(place.ledger, [message(1)], NOW)
    place.send([])
    copy = place.copy_to(tmp_path / "copy")
    assert copy.send([], take=True).parked == 0
    assert copy.states() == ["pending"]


def test_a_move_within_a_file_system_is_no_copy(place: Place, tmp_path: Path) -> None:
    place.send([1])
    place.ledger.close()
    place.folder.rename(tmp_path / "elsewhere")
    Place(tmp_path / "elsewhere", place.witnesses).send([2])


def test_a_restored_backup_knows_what_left_in_the_time_it_lost(
    place: Place, tmp_path: Path
) -> None:
    messages.enqueue(place.ledger, [message(1)], NOW)
    place.send([])
    backup = tmp_path / "backup"
    place.ledger.close()
    shutil.copytree(place.folder, backup)
    place.ledger = open_ledger(f"sqlite:///{place.folder / 'ledger.db'}")
    messages.enqueue(place.ledger, [message(2)], NOW)
    place.send([1, 2])
    place.ledger.close()
    shutil.rmtree(place.folder)
    backup.rename(place.folder)
    restored = Place(place.folder, place.witnesses)
    with pytest.raises(NotHere, match="a backup"):
        restored.send([])
    held = restored.send([], take=True)
    assert held.parked == 1 and restored.states() == ["unknown"]
    assert held.claimed is not None
    keys = [message(n).dedup_key() for n in (1, 2, 3)]
    assert held.claimed.among(keys) == [True, True, False]
    # Later senders remember it, too.
    later = restored.send([])
    assert later.claimed is not None and later.claimed.among(keys) == [True, True, False]


def test_a_lost_witness_stops_a_workspace_that_has_sent(place: Place) -> None:
    messages.enqueue(place.ledger, [message(1)], NOW)
    place.send([])
    shutil.rmtree(place.witnesses)
    place.send([7])  # nothing had left
    shutil.rmtree(place.witnesses)
    with pytest.raises(NotHere, match="MARKETING_WITNESS"):
        place.send([])
    assert place.send([], take=True).parked == 1
    place.send([])


def test_a_ledger_ahead_of_its_witness_goes_on(place: Place) -> None:
    """A kill between the claim's commit and the witness's file leaves it so."""
    with (
        holding(place.ledger, place.folder, place.witnesses, "test", NOW) as held,
        place.ledger.writing() as connection,
    ):
        held.count(connection)
    place.send([1])


def test_erased_people_stay_erased_after_a_restore(place: Place) -> None:
    held = place.send([])
    held.witness.bury(["ab" * 16])
    place.send([])
    with place.ledger.reading() as connection:
        found = connection.execute(sa.select(schema.tombstones.c.identifier_key)).scalars().all()
    assert found == ["ab" * 16]


def test_the_lease_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    one, other = open_ledger(postgres_url), open_ledger(postgres_url)
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    witnesses = tmp_path / "witness"
    try:
        with holding(one, tmp_path / "one", witnesses, "first", NOW) as held:
            # Another machine has another lock file and the same ledger.
            with (
                pytest.raises(RunInProgress),
                holding(other, tmp_path / "other", witnesses, "second", NOW),
            ):
                pytest.fail("two hold the lease")
            with one.writing() as connection:
                held.check(connection)
        with pytest.raises(NotHere), holding(other, tmp_path / "other", witnesses, "second", NOW):
            pytest.fail("the ledger sends from another workspace")
    finally:
        one.close()
        other.close()


def test_a_half_written_key_is_written_over(tmp_path: Path) -> None:
    witness = Witness.of(tmp_path, "w")
    witness.note(["11" * 32])
    with open(tmp_path / "w" / "claimed.keys", "ab") as file:
        file.write(b"torn")
    witness.note(["22" * 32])
    assert witness.claimed().among(["11" * 32, "22" * 32, "33" * 32]) == [True, True, False]
    assert len(witness.claimed()) == 2


def test_a_broken_witness_is_told(tmp_path: Path) -> None:
    witness = Witness.of(tmp_path, "w")
    assert witness.read() is None
    witness.write(State(1, 2, "/somewhere", "1:2"))
    assert witness.read() == State(1, 2, "/somewhere", "1:2")
    (tmp_path / "w" / "lease.json").write_text("{")
    with pytest.raises(ValueError, match=r"lease\.json"):
        witness.read()


def test_a_broken_witness_stops_the_sender(place: Place) -> None:
    held = place.send([])
    (held.witness.folder / "lease.json").write_text("{")
    with pytest.raises(NotHere, match=r"lease\.json"):
        place.send([])


def test_a_lease_of_a_ledger_that_never_sent_needs_no_witness(
    ledger: Ledger, tmp_path: Path
) -> None:
    with holding(ledger, tmp_path, tmp_path / "w", "test", NOW + timedelta(days=1)) as held:
        assert (held.epoch, held.parked, held.claimed) == (1, 0, None)
    assert lease.LANE == "outbox"
