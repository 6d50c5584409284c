"""From what somebody writes to everything that names one person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reverse_etl.privacy.subjects import Subject, SubjectError, resolve
from tests.reverse_etl.privacy import small_world as world
from workspace.lake import Lake
from workspace.ledger import Ledger, open_ledger
from workspace.paths import Paths


@pytest.fixture
def ledger(paths: Paths) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{paths.ledger}")
    yield opened
    opened.close()


@pytest.fixture
def lake(paths: Paths, tmp_path: Path) -> Lake:
    return world.ingest(paths, tmp_path / "files")


def test_any_name_leads_to_all_of_a_published_person(
    paths: Paths, lake: Lake, ledger: Ledger
) -> None:
    anne = world.publish_identities(paths)
    asked = [anne, f" {world.ANNE} ", "06 11 22 33 44", "usr_anne_77", "9001001", "old-anne-5"]
    asked.append(world.RING.key("anonymous_id", "device-anne-1"))
    (found,) = resolve(paths, lake, ledger, world.RING, asked)
    assert (found.contact_id, found.keys) == (anne, world.keys_of())
    for kind, values in world.IDENTIFIERS.items():
        assert {v.lower() for v in values} <= {v.lower() for v in found.values[kind]}, kind
    assert not any("joan" in value for held in found.values.values() for value in held)
    assert "canary" not in repr(found).lower()


def test_an_identifier_of_several_is_nobodys(paths: Paths, lake: Lake, ledger: Ledger) -> None:
    world.publish_identities(paths)
    with pytest.raises(SubjectError, match=r"subject 2 is nobody's alone \(shared\)") as refused:
        resolve(paths, lake, ledger, world.RING, [world.JOAN, world.SHARED])
    assert world.SHARED not in str(refused.value)


def test_who_came_since_the_last_run_is_found_by_keys(
    paths: Paths, lake: Lake, ledger: Ledger
) -> None:
    found = resolve(paths, lake, ledger, world.RING, [world.ANNE.lower(), "device-anne-1"])
    by_kind: list[Subject] = sorted(found, key=lambda subject: len(subject.keys))
    key = world.RING.key
    assert by_kind[0].keys == {key("anonymous_id", "device-anne-1")}
    assert by_kind[1].keys == {
        key("email", "anne.canary@clinic.example"),
        key("crm_contact", "9001001"),
        key("phone", world.PHONE),
        key("user_id", "usr_anne_77"),
    }


def test_nobody_is_told_with_what_to_do(paths: Paths, lake: Lake, ledger: Ledger) -> None:
    with pytest.raises(SubjectError, match="subject 1 is not known") as refused:
        resolve(paths, lake, ledger, world.RING, ["nobody@nowhere.example"])
    assert "nobody@" not in str(refused.value)
