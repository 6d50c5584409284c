"""An export holds all that was planted about a person, and nothing of anybody else."""

from __future__ import annotations

import hashlib
import html
import json
import re
import stat
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion import ingest_files
from ingestion.contracts import STREAMS_OF
from ingestion.originals import originals
from reverse_etl.privacy import exporting, subjects, writing
from reverse_etl.privacy.exporting import Exported, Order, Room
from tests.reverse_etl.privacy import planted
from workspace import definitions, settings
from workspace.catalogue import HOLDINGS
from workspace.ledger import audit, consent, open_ledger, privacy_requests, schema
from workspace.ledger.consent import ConsentEvent
from workspace.paths import PROJECT, Paths

AT = datetime(2025, 10, 1, 12)
ASKED = datetime(2025, 1, 31, 9)


def room_of(opened: settings.Settings) -> Room:
    from workspace.lake import Lake

    lake = Lake(opened.paths.lake)

    def read(wanted):
        return originals(wanted, opened.paths.landing, lake.staging())

    given = definitions.load(PROJECT / "marketing")
    ledger = open_ledger(opened.ledger_url)
    return Room(opened.paths, lake, ledger, opened.keyring, given, read)


def plant(opened: settings.Settings, room: Room, source: Path) -> None:
    """The canary through every file's intake, and a consent in the ledger."""
    for kind, path in planted.files(source).items():
        ingest_files(
            kind,
            [path],
            opened.paths.landing,
            room.lake,
            opened.keyring,
            now=lambda: planted.AT,
            guard=False,
        )
    key = opened.keyring.key("phone", planted.PHONE)
    assert key
    said = ConsentEvent(
        "phone",
        key,
        "sms_reminders",
        "sms",
        "withdrawn",
        "manual",
        "tok-own-ledger",
        planted.AT,
        planted.AT,
        actor="jeanne",
    )
    consent.append(room.ledger, [said], planted.AT)


def export_of(room: Room, folder: Path, **more) -> Exported:
    subject = planted.subject(room.keyring)
    order = Order(folder, "fr", AT, ASKED, "jeanne", **more)
    return exporting.export(room, subject, order)


@pytest.fixture
def room(paths: Paths, tmp_path: Path):
    opened = settings.load(paths.root)
    made = room_of(opened)
    plant(opened, made, tmp_path / "files")
    yield made
    made.ledger.close()


def texts(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())


def test_check_24_every_planted_record_is_in_the_export(room: Room, tmp_path: Path) -> None:
    """Acceptance check 24: all records, valid hashes, due one calendar month after the request."""
    folder = tmp_path / "export"
    made = export_of(room, folder)
    said = texts(folder / "data" / "lake") + texts(folder / "data" / "ledger")
    wanted = planted.tokens("tok[-_]own")
    assert len(wanted) > 20
    assert {token for token in wanted if token not in said} == set()
    assert "tok-own-ledger" in said
    planted_in = {STREAMS_OF[kind][0] for kind in planted.rows() if kind != "crm"}
    assert {f"lake/{stream}" for stream in planted_in} <= made.rows.keys()
    assert made.rows["lake/rejected_rows"] == 2
    assert writing.verify(folder) == []
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["due_at"] == "2025-02-28T09:00:00Z"
    assert made.due_at == datetime(2025, 2, 28, 9)
    for name, about in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"]


def test_an_oracle_that_greps_the_lake_finds_no_more_rows(room: Room, tmp_path: Path) -> None:
    """Rows of any stream whose text has an identifier of the person are in the export, all of
    them: found by reading the Parquet files and nothing else of ours."""
    folder = tmp_path / "export"
    export_of(room, folder)
    own = re.compile(
        "|".join(
            re.escape(text)
            for text in (planted.EMAIL.lower(), planted.PHONE, planted.USER, planted.DEVICE)
        )
    )
    for path in sorted(room.paths.lake.rglob("*.parquet")):
        stream = path.parent.name
        rows = pq.read_table(path).to_pylist()
        found = sum(bool(own.search(str(list(row.values())).lower())) for row in rows)
        if found:
            exported = json.loads((folder / "data" / "lake" / f"{stream}.json").read_bytes())
            assert len(exported) >= found, stream


def test_others_are_left_out(room: Room, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export_of(room, folder)
    said = texts(folder)
    for foreign in (
        *planted.tokens("tok-other"),
        planted.OTHER_EMAIL,
        planted.OTHER_PHONE,
        "06 99 88 77 66",
        planted.OTHER_USER,
        planted.OTHER_CRM,
        " ".join(planted.OTHER_NAME),
        room.keyring.key("email", planted.OTHER_EMAIL),
        room.keyring.key("crm_contact", planted.OTHER_CRM),
        "sales@ours.example",
        room.keyring.pepper.decode(),
    ):
        assert foreign and foreign not in said
    deals = json.loads((folder / "data/lake/crm_deals.json").read_bytes())
    assert {deal["crm_id"] for deal in deals} == {"990001", "990002"}
    assert "Carla Canari" in (folder / "data/lake/crm_tickets.json").read_text()
    assert "[another person]" in (folder / "data/lake/crm_tickets.json").read_text()


def test_originals_are_the_bytes_that_came(room: Room, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export_of(room, folder)
    rows = json.loads((folder / "data/originals.json").read_bytes())
    kept = [row["original"] for row in rows]
    planted_event = json.dumps(planted.rows()["events"][0], ensure_ascii=False)
    assert planted_event in kept, "as it came, byte for byte, where nobody else is in it"
    page = next(text for text in kept if "tok-own-crm1" in text)
    assert "results" not in page, "of a page only the object itself"


def test_cells_are_no_formulas_and_numbers_stay_numbers(room: Room, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export_of(room, folder)
    for path in folder.rglob("*.csv"):
        rows = duckdb.sql(
            f"select * from read_csv('{path}', all_varchar=true, header=true)"
        ).fetchall()
        for cell in (cell for row in rows for cell in row if cell):
            assert not re.match(r"[=@\t\r＝＋－＠]", cell), (path.name, cell)
            assert not re.match(r"[+-]", cell) or re.fullmatch(r"[+-]?[0-9.,]+", cell), cell
    event = json.loads((folder / "data/lake/events.json").read_bytes())[3]
    assert event["properties"] == {"cc": "[another person]", "n": -5}


def test_the_folder_is_private_and_never_overwritten(room: Room, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export_of(room, folder)
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    before = texts(folder)
    with pytest.raises(writing.FolderError, match="is there already"):
        export_of(room, folder)
    assert texts(folder) == before
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []


def test_it_is_on_record(room: Room, tmp_path: Path) -> None:
    made = export_of(room, tmp_path / "export", reason="by letter")
    with room.ledger.reading() as connection:
        (request,) = privacy_requests.find(connection, kind="export")
        entries = list(audit.links(connection))
    assert (request.state, request.proof_hash) == ("done", made.manifest_hash)
    assert (request.requested_at, request.due_at) == (ASKED, datetime(2025, 2, 28, 9))
    assert [entry.action for entry in entries] == ["subject.read", "subject.export"]
    assert entries[1].after_hash == made.manifest_hash
    assert {entry.subject_key for entry in entries} == {request.subject_key}
    assert audit.verify(room.ledger).broken is None


def test_one_that_broke_off_goes_on_as_the_same_request(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> dict[str, bytes]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(exporting, "summarise", broken)
        export_of(room, tmp_path / "export")
    assert list(tmp_path.glob("*export*")) == []
    made = export_of(room, tmp_path / "export")
    with room.ledger.reading() as connection:
        (request,) = privacy_requests.find(connection, kind="export")
    assert (request.request_id, request.state) == (made.request_id, "done")


def test_a_file_that_is_gone_is_said_to_be(room: Room, tmp_path: Path) -> None:
    for path in (room.paths.landing / "surveys").iterdir():
        path.unlink()
    export_of(room, tmp_path / "export")
    rows = json.loads((tmp_path / "export/data/originals.json").read_bytes())
    gone = [row for row in rows if row["landing_file"].startswith("surveys/")]
    assert gone and all(row["original"] is None for row in gone)


def test_every_holding_can_be_asked(room: Room, tmp_path: Path) -> None:
    """No stream or table of the catalogue breaks the questions; those with rows are in."""
    made = export_of(room, tmp_path / "export")
    streams = {holding.name for holding in HOLDINGS if holding.store == "lake"}
    assert {path.split("/")[1] for path in made.rows if path.startswith("lake/")} <= streams
    assert {"ledger/consent_events", "ledger/audit_chain"} <= made.rows.keys()


@pytest.mark.parametrize(("language", "said"), [("fr", "Vos droits"), ("en", "Your rights")])
def test_the_summary_says_what_the_law_wants(
    room: Room, tmp_path: Path, language: str, said: str
) -> None:
    order = Order(tmp_path / "e", language, AT, ASKED, "jeanne")  # type: ignore[arg-type]
    exporting.export(room, planted.subject(room.keyring), order)
    privacy = room.given.privacy
    for name in ("summary.txt", "summary.html"):
        page = html.unescape((tmp_path / "e" / name).read_text())
        assert said in page or said.upper() in page
        assert privacy.officer and privacy.officer.email in page
        assert privacy.authority and privacy.authority.url in page
        assert privacy.categories["feedback"].name.say(language) in page  # type: ignore[arg-type]
        assert planted.PHONE in page
        assert "{{" not in page and "{%" not in page
    page = (tmp_path / "e" / "summary.html").read_text()
    assert f'<html lang="{language}">' in page
    assert "<script" not in page and "http://" not in page


def test_hostile_values_do_not_become_html(paths: Paths, tmp_path: Path) -> None:
    opened = settings.load(paths.root)
    made = room_of(opened)
    hostile = tmp_path / "contacts.ndjson"
    row = {"external_id": "<script>alert(1)</script>", "email": "x@evil.example"}
    hostile.write_text(json.dumps(row) + "\n")
    ingest_files(
        "contacts",
        [hostile],
        opened.paths.landing,
        made.lake,
        opened.keyring,
        now=lambda: planted.AT,
        guard=False,
    )
    subject = subjects.resolve(
        opened.paths, made.lake, made.ledger, opened.keyring, ["x@evil.example"]
    )[0]
    exporting.export(made, subject, Order(tmp_path / "e", "en", AT, ASKED, "jeanne"))
    made.ledger.close()
    page = (tmp_path / "e" / "summary.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_who_was_erased_is_known_as_such(room: Room) -> None:
    key = room.keyring.key("email", "gone@x.example")
    row = {"identifier_key": key, "request_id": "r", "erased_at": AT}
    room.ledger.append(schema.tombstones, [row])
    assert exporting.erased_at(room.ledger, room.keyring, " Gone@X.example ") == AT
    assert exporting.erased_at(room.ledger, room.keyring, "there@x.example") is None
