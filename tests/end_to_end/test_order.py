"""In whatever order and portions the same rows arrive, the marts are the same."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

from tests.end_to_end import inputs
from tests.end_to_end.runner import END, ask, ingest, marts, open_workspace, run

SITE = "https://www.chirurgieprox.example"
PARTS = 3


def _z(time: datetime) -> str:
    return time.isoformat() + "Z"


def _people(folder: Path) -> dict[str, Path]:
    """Contacts with merges and shared addresses, and the messages, consents and lists of theirs."""
    rng = random.Random(4)
    start = datetime(2025, 3, 1, 8)
    contacts, events, consents, attendees = [], [], [], []
    for n in range(60):
        email = f"p{n // 2 if n % 10 == 1 else n}@clinic{n % 7}.example"
        for version in range(1 + n % 3):
            at = start + timedelta(days=n, hours=version)
            properties = {
                "email": email,
                "firstname": f"First{n}",
                "lastname": f"Last{n}",
                "user_id": f"u-{n}" if n % 3 else None,
                "lifecyclestage": ["lead", "opportunity", "customer"][version],
            }
            if n % 9 == 0 and version == 2:
                properties["hs_merged_object_ids"] = f"c-{n + 1};c-{n + 2}"
            contacts.append(
                {
                    "id": f"c-{n}",
                    "properties": properties,
                    "createdAt": _z(start),
                    "updatedAt": _z(at),
                    "archived": False,
                }
            )
        for visit in range(5):
            at = start + timedelta(days=3 * visit, minutes=17 * n)
            for page in range(1 + visit % 3):
                message = {
                    "messageId": f"e-{n}-{visit}-{page}",
                    "type": "page",
                    "anonymousId": f"a-{n % 50}-{visit % 2}",
                    "timestamp": _z(at + timedelta(minutes=7 * page)),
                    "receivedAt": _z(at + timedelta(days=rng.choice([0, 0, 3]), minutes=30)),
                    "context": {
                        "page": {"url": f"{SITE}/p{page}", "path": f"/p{page}"},
                        "campaign": {"source": "google", "medium": "cpc"} if visit == 1 else {},
                    },
                }
                events.append(message)
            said = {"type": "identify", "userId": f"u-{n}", "traits": {"email": email}}
            events.append({**events[-1], **said, "messageId": f"i-{n}-{visit}"})
        status = rng.choice(["granted", "withdrawn"])
        consents.append(
            f"{email},,newsletter,email,{status},consent,form,v1,{_z(start + timedelta(days=n))},"
            f"{_z(start + timedelta(days=n, hours=1))}"
        )
        attendees.append(
            f"congress,Congress,congress,medical,2025-05-01,g{n}@x.example,registered,{_z(at)}"
        )
    return {
        "crm": inputs.ndjson(folder / "contacts.ndjson", contacts),
        "events": inputs.ndjson(folder / "people.ndjson", events),
        "consents": inputs.csv(
            folder / "consents.csv",
            "email,phone,purpose,channel,status,legal_basis,source,text_version,decided_at,known_at",
            consents,
        ),
        "attendees": inputs.csv(
            folder / "attendees.csv",
            "event_key,event_name,event_type,vertical,starts_on,email,status,known_at",
            attendees,
        ),
    }


def _portions(path: Path, folder: Path, rng: random.Random) -> list[Path]:
    """The file's rows in another order, spread over several files of the same format."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head, rows = ([lines[0]], lines[1:]) if path.suffix == ".csv" else ([], lines)
    assert path.suffix == ".csv" or json.loads(rows[0])
    rng.shuffle(rows)
    folder.mkdir(exist_ok=True)
    made = []
    for part in range(PARTS):
        target = folder / f"{path.stem}-{part}{path.suffix}"
        target.write_text("\n".join([*head, *rows[part::PARTS]]) + "\n", encoding="utf-8")
        made.append(target)
    return made


def _rounded(rows: list[tuple]) -> list[tuple]:
    """As fingerprints have it: the order in which doubles are added shows in their last digits."""
    return [tuple(f"{v:.9g}" if isinstance(v, float) else v for v in row) for row in rows]


def test_shuffled_and_split_over_several_runs(tmp_path: Path) -> None:
    source = tmp_path / "files"
    files: list[tuple[str, Path]] = [
        ("costs", inputs.costs(source / "costs.csv")),
        ("crm", inputs.companies(source / "companies.ndjson", {"medical": 30})),
        ("crm", inputs.deals(source / "deals.ndjson", {"medical": 30})),
        ("events", inputs.events(source / "events.ndjson", 200)),
        *_people(source).items(),
    ]
    whole = open_workspace(tmp_path / "whole", END)
    for kind, path in files:
        ingest(whole, kind, path)
    run(whole)
    pieces = open_workspace(tmp_path / "pieces", END)
    rng = random.Random(7)
    portions = [(kind, _portions(path, tmp_path / "portions", rng)) for kind, path in files]
    for part in range(PARTS):
        for kind, paths in portions:
            ingest(pieces, kind, paths[part])
        if part != 1:
            run(pieces)
    first, second = marts(whole), marts(pieces)
    # Freshness counts files, and there are three times as many. What each run found of segments
    # is told run by run; who is in which at the end is the same.
    told = {"segment_membership_history", "segment_drift", "segment_accuracy"}
    by_run = {*told, "experiment_results"}  # which counts its looks
    assert {name for name in first if first[name] != second[name]} == {"kpi_monthly", *by_run}
    figures = (
        "select * from marts.kpi_monthly "
        "where metric not in ('data_freshness_minutes', 'segment_accuracy') order by all"
    )
    assert _rounded(ask(whole, figures)) == _rounded(ask(pieces, figures))
    ((contacts, joined, sessions, granted),) = ask(
        whole,
        """
        select
            (select count(*) from marts.dim_contacts),
            (select count(*) from marts.identity_map where verdict <> 'attached'),
            (select count(*) from marts.fct_sessions),
            (select count(*) from marts.consent_records)
        """,
    )
    assert contacts > 40 and joined > 10 and sessions > 200 and granted >= 60
