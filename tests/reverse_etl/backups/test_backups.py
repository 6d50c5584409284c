"""Backups and the way back: everything is there, nothing else is, and nothing leaves from it."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reverse_etl.backups import (
    BackupError,
    Store,
    after_restore,
    make,
    prove,
    restore,
)
from reverse_etl.backups.store import Stored
from tests.reverse_etl.backups.conftest import AT, rates
from workspace import restored, settings
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import lease, open_ledger, schema
from workspace.ledger.lease import NotHere, holding
from workspace.restored import NotReplayed
from workspace.settings import Settings
from workspace.witness import Witness

KEY = "ab" * 16


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "backups")


@pytest.fixture
def witnesses(tmp_path: Path) -> Path:
    return tmp_path / "witness"


def opened(folder: Path) -> Settings:
    return settings.load(folder)


def files(root: Path, without: tuple[str, ...] = ()) -> dict[str, tuple[bytes, int, int]]:
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_file() and not name.startswith(without) and not name.endswith(".lock"):
            facts = path.stat()
            found[name] = (path.read_bytes(), stat.S_IMODE(facts.st_mode), facts.st_mtime_ns)
    return found


def send(chosen: Settings, witnesses: Path, take: bool = False) -> None:
    """Claim a message as a sender does."""
    ledger = open_ledger(chosen.ledger_url)
    try:
        with holding(ledger, chosen.paths.root, witnesses, "test", AT, take) as held:
            with ledger.writing() as connection:
                held.count(connection)
            held.note(["cd" * 16])
    finally:
        ledger.close()


def test_what_is_restored_is_what_was_backed_up(
    workspace: Settings, store: Store, tmp_path: Path
) -> None:
    made = make(workspace, store, AT, 7)
    target = opened(tmp_path / "new")
    done = restore(target, store, None, AT)
    assert (done.name, done.files) == (made.name, made.files)
    rebuilt = ("ledger.db", "pepper.key", "dagster", "landing/.staging", "restored.json")
    before, after = (files(s.paths.root, rebuilt) for s in (workspace, target))
    # Manifests are written anew, so their times are.
    assert {n: v[:2] for n, v in before.items()} == {n: v[:2] for n, v in after.items()}
    landed = {name for name in before if name.startswith("landing")}
    assert len(landed) == 3 and all(before[name] == after[name] for name in landed)
    assert Lake(target.paths.lake).rows("fx_rates") == 6
    assert not (target.paths.root / "pepper.key").exists()
    assert stat.S_IMODE(target.paths.ledger.stat().st_mode) == 0o600
    ledger = open_ledger(target.ledger_url)
    assert ledger.last_success("s") == AT
    ledger.close()


def test_models_come_back(workspace: Settings, store: Store, tmp_path: Path) -> None:
    version = workspace.paths.models / "churn" / "0123456789abcdef"
    version.mkdir(parents=True)
    (version / "model.skops").write_bytes(b"a model")
    unfinished = workspace.paths.models / "churn" / ".half.new"
    unfinished.mkdir()
    (unfinished / "model.skops").write_bytes(b"half")
    make(workspace, store, AT, 7)
    target = opened(tmp_path / "t")
    restore(target, store, None, AT)
    found = files(target.paths.models)
    assert {name: content for name, (content, *_) in found.items()} == {
        "churn/0123456789abcdef/model.skops": b"a model"
    }


def test_no_pepper_and_no_witness_is_in_it(
    workspace: Settings, store: Store, witnesses: Path
) -> None:
    send(workspace, witnesses)
    make(workspace, store, AT, 7)
    names = store.manifest(store.find(None))["files"]
    assert not [
        name for name in names if "pepper" in name or "witness" in name or "dagster" in name
    ]
    held = b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    assert b"never in a backup" not in held and workspace.keyring.pepper not in held
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_a_daily_backup_costs_what_has_changed(workspace: Settings, store: Store) -> None:
    first = make(workspace, store, AT, 7)
    assert first.new_files == first.files
    second = make(workspace, store, AT + timedelta(days=1), 7)
    assert (second.files, second.new_files) == (first.files, 0)
    Lake(workspace.paths.lake).commit("fx_rates", "more", rates(9))
    third = make(workspace, store, AT + timedelta(days=2), 7)
    assert (third.files, third.new_files) == (first.files + 1, 2)  # with its manifest


def test_a_file_changed_in_place_is_taken_again(workspace: Settings, store: Store) -> None:
    make(workspace, store, AT, 7)
    path = workspace.paths.landing / "costs" / "by hand.csv"
    path.write_text("THE bytes of costs/by hand.csv")
    assert make(workspace, store, AT + timedelta(days=1), 7).new_files == 1


def test_old_backups_go_and_what_only_they_held(
    workspace: Settings, store: Store, tmp_path: Path
) -> None:
    lake = Lake(workspace.paths.lake)
    for day in range(5):
        for hour in (0, 5):
            make(workspace, store, AT + timedelta(days=day, hours=hour), 3)
        lake.commit("fx_rates", f"day{day}", rates(day, 2))
        lake.compact("fx_rates")
    kept = [f"2026100{day}T050000000000Z" for day in (3, 4, 5)]
    assert store.names() == kept
    for number, name in enumerate(kept):
        target = opened(tmp_path / f"w{number}")
        restore(target, store, name[:8], AT)
        assert Lake(target.paths.lake).rows("fx_rates") == 6 + 2 * (number + 2)
    held = {stored.sha256 for n in kept for stored in store.files(store.manifest(n)).values()}
    objects = [path for path in store.objects.rglob("*") if path.is_file()]
    assert {path.parent.name + path.name for path in objects} == held


def test_a_backup_beside_writers_is_of_one_moment(
    workspace: Settings, store: Store, witnesses: Path
) -> None:
    """Rows go to the ledger, then to the lake, and landing has had them before both."""
    lake, ends = Lake(workspace.paths.lake), threading.Event()
    for stream in ("fx_rates", "costs"):
        lake.commit(stream, "start", None)

    def write() -> None:
        ledger, number = open_ledger(workspace.ledger_url), 0
        while not ends.is_set():
            (workspace.paths.landing / "costs" / f"n{number}").write_text("x")
            ledger.record_step("r", f"n{number}", "succeeded", AT, AT)
            lake.commit("fx_rates", f"n{number}", rates(number))
            lake.commit("costs", f"n{number}", None)
            number += 1
            if number % 5 == 0:
                lake.compact("fx_rates")
        ledger.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(8):
            name = make(workspace, store, AT + timedelta(seconds=number), 7).name
            assert prove(workspace, store, witnesses, AT, name).faults == []
            body = store.manifest(name)
            landed = [path for path in body["files"] if path.startswith("landing/costs/n")]
            exported = body["stream_rows"]["fx_rates"] - 6
            commits = _commits(store, body, "finance/costs")
            assert len(landed) >= body["ledger_rows"]["run_steps"] - 1 >= exported >= commits - 2
    finally:
        ends.set()
        writer.join()


def _commits(store: Store, body: dict[str, Any], folder: str) -> int:
    (name,) = [name for name in body["files"] if name == f"lake/{folder}/manifest.json"]
    return store.path(body["files"][name]["sha256"]).read_text().count('"batch"')


@pytest.mark.parametrize(
    ("method", "call"),
    [("_keep", 1), ("_keep", 2), ("add", 1), ("add", 4), ("write", 1), ("prune", 1)],
)
def test_a_killed_backup_does_no_harm(
    workspace: Settings, store: Store, witnesses: Path, method: str, call: int
) -> None:
    make(workspace, store, AT, 7)
    Lake(workspace.paths.lake).commit("fx_rates", "more", rates(9))
    child = os.fork()
    if child == 0:
        _die_in(Store, method, call)
        make(workspace, store, AT + timedelta(days=1), 7)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9
    assert len(store.names()) == (2 if method == "prune" else 1)
    make(workspace, store, AT + timedelta(days=2), 7)
    assert prove(workspace, store, witnesses, AT).faults == []
    assert not [path for path in store.objects.glob(".*")]


def _die_in(owner: type, name: str, call: int) -> None:
    """Be killed at a method's so-manieth call."""
    real: Callable[..., Any] = getattr(owner, name)
    left = [call]

    def dying(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        return real(*args, **options)

    setattr(owner, name, dying)


@pytest.mark.parametrize("call", [1, 4, 8])
def test_a_killed_restore_stays_shut_and_goes_on(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path, call: int
) -> None:
    make(workspace, store, AT, 7)
    target = opened(tmp_path / "new")
    child = os.fork()
    if child == 0:
        _die_in(Store, "copy_out", call)
        restore(target, store, None, AT)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9
    with pytest.raises(NotReplayed):
        restored.check(target.paths.root)
    restore(target, store, None, AT)
    assert after_restore(target, witnesses, AT) == 0
    restored.check(target.paths.root)
    assert Lake(target.paths.lake).read("fx_rates").num_rows == 6


@pytest.mark.parametrize("damage", ["object", "gone", "manifest"])
def test_damage_is_told(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path, damage: str
) -> None:
    name = make(workspace, store, AT, 7).name
    body = store.manifest(name)
    stored = Stored(**body["files"]["as_of.txt"])
    path = store.path(stored.sha256)
    if damage == "object":
        path.write_text("2026-10-02T00:00:00Z")
    elif damage == "gone":
        path.unlink()
    else:
        manifest = store.manifests / f"{name}.json"
        manifest.write_text(manifest.read_text().replace('"size": 20', '"size": 21'))
    with pytest.raises(BackupError, match=r"damaged|missing|not as it was"):
        restore(opened(tmp_path / "new"), store, None, AT)
    with pytest.raises(BackupError):
        prove(workspace, store, witnesses, AT)


def test_a_backup_with_other_rows_than_it_says_is_told(
    workspace: Settings, store: Store, witnesses: Path
) -> None:
    body = store.manifest(make(workspace, store, AT, 7).name)
    body["stream_rows"]["fx_rates"] = 7
    body["ledger_rows"]["run_steps"] = 2
    store.write(AT + timedelta(days=1), body)
    assert prove(workspace, store, witnesses, AT).faults == [
        "ledger.run_steps has 1 rows, and the backup says 2",
        "lake/fx_rates has 6 rows, and the backup says 7",
    ]


def test_the_pepper_must_be_the_same(workspace: Settings, store: Store, tmp_path: Path) -> None:
    make(workspace, store, AT, 7)
    other = replace(opened(tmp_path / "new"), keyring=Keyring(b"another pepper, as long"))
    with pytest.raises(BackupError, match="not the pepper"):
        restore(other, store, None, AT)
    assert not restored.is_marked(other.paths.root)


def test_a_folder_in_use_is_left_alone(workspace: Settings, store: Store, tmp_path: Path) -> None:
    make(workspace, store, AT, 7)
    with pytest.raises(BackupError, match="is not empty"):
        restore(workspace, store, None, AT)
    assert not restored.is_marked(workspace.paths.root)
    with pytest.raises(BackupError, match="outside the workspace"):
        make(workspace, Store(workspace.paths.root / "backups"), AT, 7)


def test_a_path_that_leads_outside_is_refused(
    workspace: Settings, store: Store, tmp_path: Path
) -> None:
    body = store.manifest(make(workspace, store, AT, 7).name)
    body["files"]["../outside"] = body["files"]["as_of.txt"]
    store.write(AT + timedelta(days=1), body)
    with pytest.raises(BackupError, match="outside"):
        restore(opened(tmp_path / "new"), store, None, AT)
    assert not (tmp_path / "outside").exists()


def test_whoever_was_erased_since_is_erased_again_before_it_opens(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path
) -> None:
    send(workspace, witnesses)
    make(workspace, store, AT, 7)
    witness = Witness.of(witnesses, _workspace_id(workspace))
    witness.bury([KEY])
    target = opened(tmp_path / "new")
    restore(target, store, None, AT)
    with pytest.raises(NotReplayed, match="1 identifiers of erased people"):
        after_restore(target, witnesses, AT)
    with pytest.raises(NotHere, match="was restored"):
        send(target, witnesses, take=True)
    called = []

    def replay(given: Settings) -> None:
        ledger = open_ledger(given.ledger_url)
        called.append((lease.buried(ledger), restored.is_marked(given.paths.root)))
        ledger.close()

    assert after_restore(target, witnesses, AT, replay) == 1
    assert called == [({KEY}, True)]
    restored.check(target.paths.root)


def test_a_replay_that_fails_leaves_it_shut(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path
) -> None:
    make(workspace, store, AT, 7)
    target = opened(tmp_path / "new")
    restore(target, store, None, AT)

    def broken(_: Settings) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        after_restore(target, witnesses, AT, broken)
    assert restored.is_marked(target.paths.root)


def test_a_lost_witness_wants_a_word(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path
) -> None:
    send(workspace, witnesses)
    make(workspace, store, AT, 7)
    target = opened(tmp_path / "new")
    restore(target, store, None, AT)
    with pytest.raises(NotReplayed, match="--without-witness"):
        after_restore(target, tmp_path / "elsewhere", AT)
    assert after_restore(target, tmp_path / "elsewhere", AT, without_witness=True) == 0
    with pytest.raises(NotHere, match="its witness is not in"):
        send(target, tmp_path / "elsewhere")


def test_nothing_is_sent_from_a_restored_workspace(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path
) -> None:
    send(workspace, witnesses)
    make(workspace, store, AT, 7)
    send(workspace, witnesses)
    target = opened(tmp_path / "new")
    restore(target, store, None, AT)
    after_restore(target, witnesses, AT)
    with pytest.raises(NotHere, match="older than what was sent"):
        send(target, witnesses)
    send(workspace, witnesses)  # where it was, it goes on
    send(target, witnesses, take=True)


def test_the_proof_tells_of_a_lease_that_is_given(
    workspace: Settings,
    store: Store,
    witnesses: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(workspace, witnesses)
    make(workspace, store, AT, 7)
    before = {path: path.read_bytes() for path in witnesses.rglob("*") if path.is_file()}
    monkeypatch.setattr(lease, "_refuse", lambda *_: None)
    assert prove(workspace, store, witnesses, AT).faults == [
        "a restored workspace can send what was sent before"
    ]
    assert {path: path.read_bytes() for path in before} == before


def test_a_ledger_on_postgres_comes_back(
    workspace: Settings, store: Store, tmp_path: Path, witnesses: Path, postgres_url: str
) -> None:
    chosen = replace(workspace, ledger_url=postgres_url)
    ledger = open_ledger(postgres_url)
    ledger.start_run("p", AT, "dev", AT)
    ledger.close()
    make(chosen, store, AT, 7)
    assert prove(chosen, store, witnesses, AT).faults == []
    target = opened(tmp_path / "new")
    with pytest.raises(BackupError, match="MARKETING_LEDGER_URL"):
        restore(target, store, None, AT)
    with pytest.raises(BackupError, match="is not empty"):
        restore(replace(target, ledger_url=postgres_url), store, None, AT)
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema public cascade; create schema public"))
    restore(replace(target, ledger_url=postgres_url), store, None, AT)
    with engine.begin() as connection:
        assert connection.execute(sa.select(schema.runs.c.run_id)).scalars().all() == ["p"]
    engine.dispose()
    assert not (target.paths.root / "ledger.pgdump").exists()


def test_without_the_programs_of_postgres_it_says_so(
    workspace: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    chosen = replace(workspace, ledger_url="postgresql+psycopg://u:hunter2@127.0.0.1/x")
    with pytest.raises(BackupError, match="needs pg_dump") as caught:
        make(chosen, store, AT, 7)
    assert "hunter2" not in str(caught.value)


def _workspace_id(chosen: Settings) -> str:
    ledger = open_ledger(chosen.ledger_url)
    with ledger.reading() as connection:
        found = connection.execute(sa.select(schema.sending_lease.c.workspace_id)).scalar_one()
    ledger.close()
    return str(found)
