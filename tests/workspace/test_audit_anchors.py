"""What the witness and the lake remember of the audit chain, and what a restored ledger lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.workspace.test_audit import NOW, TABLE, entry, rows, unlock
from workspace.lake import Lake
from workspace.ledger import Ledger, anchors, audit, open_ledger
from workspace.ledger.anchors import Places


@pytest.fixture
def places(ledger: Ledger, tmp_path: Path) -> Places:
    root = tmp_path / "workspace"
    root.mkdir()
    return Places(ledger, Lake(root / "lake"), root, tmp_path / "witness")


def write(places: Places, *numbers: int) -> None:
    for number in numbers:
        audit.record(places.ledger, entry(number))


def cut(places: Places, after: int) -> None:
    with places.ledger.writing() as connection:
        connection.execute(sa.delete(TABLE).where(TABLE.c.position > after))


def test_an_empty_chain_is_whole_and_needs_no_witness(places: Places) -> None:
    anchors.keep(places)
    assert anchors.verify(places).broken is None
    assert not places.witnesses.exists()


def test_the_witness_knows_of_a_cut(places: Places) -> None:
    write(places, 0, 1, 2)
    anchors.keep(places)
    assert anchors.verify(places).broken is None
    unlock(places.ledger)
    cut(places, 1)
    found = anchors.verify(places).broken
    assert found == (2, "missing: the witness knows entries up to position 3")
    anchors.keep(places)  # it never learns to forget
    assert anchors.verify(places).broken == found


def test_the_witness_does_not_learn_a_chain_that_was_written_anew(places: Places) -> None:
    write(places, 0, 1)
    anchors.keep(places)
    unlock(places.ledger)
    cut(places, 1)
    write(places, 5, 6, 7)
    anchors.keep(places)
    assert anchors.verify(places).broken == (2, "rewritten: the witness knows another")


def test_the_lake_knows_of_a_cut(places: Places) -> None:
    write(places, 0, 1, 2)
    assert anchors.export(places.ledger, places.lake) == 3
    assert anchors.export(places.ledger, places.lake) == 0
    write(places, 3)
    assert anchors.export(places.ledger, places.lake) == 1
    unlock(places.ledger)
    cut(places, 3)
    found = anchors.verify(places).broken
    assert found == (4, "missing: batch 2 of the lake knows entries up to position 4")


def test_a_copy_is_asked_for_no_more_than_it_had(places: Places, tmp_path: Path) -> None:
    write(places, 0, 1)
    anchors.keep(places)
    copied = tmp_path / "copy"
    shutil.copytree(places.root, copied)
    write(places, 2)
    anchors.keep(places)
    unlock(places.ledger)
    cut(places, 2)
    copy = replace(places, root=copied)
    assert anchors.verify(copy).broken is None
    assert anchors.verify(places).broken is not None


def test_a_workspace_that_was_moved_is_the_same(places: Places, tmp_path: Path) -> None:
    write(places, 0, 1)
    anchors.keep(places)
    moved = places.root.rename(tmp_path / "elsewhere")
    unlock(places.ledger)
    cut(places, 1)
    assert anchors.verify(replace(places, root=moved)).broken is not None


def test_what_a_restored_ledger_lost_is_accepted_in_writing(places: Places) -> None:
    write(places, 0, 1, 2, 3)
    anchors.export(places.ledger, places.lake)
    anchors.keep(places)
    unlock(places.ledger)
    cut(places, 2)
    with pytest.raises(ValueError, match="text is wanted"):
        anchors.accept(places, NOW, "ana", "")
    anchors.accept(places, NOW + timedelta(hours=1), "ana", "the disk failed; backup of Monday")
    assert anchors.verify(places).broken is None
    assert [one.action for one in rows(places.ledger)][-1] == anchors.ACCEPT
    assert anchors.export(places.ledger, places.lake) == 1
    write(places, 5)
    assert anchors.export(places.ledger, places.lake) == 1
    anchors.keep(places)
    assert anchors.verify(places).entries == 4
    cut(places, 3)  # what is lost after that is not forgiven with it
    assert anchors.verify(places).broken is not None


def test_nothing_else_is_accepted(places: Places) -> None:
    write(places, 0, 1, 2)
    anchors.keep(places)
    with pytest.raises(ValueError, match="nothing of the chain is missing"):
        anchors.accept(places, NOW, "ana", "why not")
    unlock(places.ledger)
    with places.ledger.writing() as connection:
        connection.execute(sa.update(TABLE).where(TABLE.c.position == 2).values(actor="nobody"))
    with pytest.raises(ValueError, match="broken in itself"):
        anchors.accept(places, NOW, "ana", "why not")


def test_the_lake_has_every_entry_once_in_order(places: Places) -> None:
    write(places, 5, 1, 3)  # clocks that go back
    anchors.export(places.ledger, places.lake)
    write(places, 2)
    anchors.export(places.ledger, places.lake)
    found = places.lake.read(anchors.STREAM).to_pylist()
    assert [row["position"] for row in found] == [1, 2, 3, 4]
    assert [row["sequence"] for row in found] == [1, 1, 1, 2]
    assert [row["known_at"] for row in found] == [NOW + timedelta(seconds=5)] * 4
    assert [row["digest"] for row in found] == [link.digest for link in rows(places.ledger)]


def test_a_ledger_that_was_replaced_is_exported_whole(places: Places) -> None:
    write(places, 0, 1)
    anchors.export(places.ledger, places.lake)
    other = open_ledger("sqlite://")
    audit.record(other, entry(0))
    audit.record(other, entry(7))
    audit.record(other, entry(8))
    assert anchors.export(other, places.lake) == 2
    found = places.lake.read(anchors.STREAM).to_pylist()
    assert [(row["position"], row["sequence"]) for row in found] == [
        *((1, 1), (2, 1), (2, 2), (3, 2)),
    ]
    other.close()
