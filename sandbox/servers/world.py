"""What the vendors know of a demo world: the newest part of its files, and what goes with it.

A company that connects its tools has exports of the past and APIs for the present. So what the
files of a world say of its last days is taken out of them and given to the stand-ins; the files
and the APIs together hold what the files held alone.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox.servers import vendors
from sandbox.servers.base import Data, Person

ASKED_DAYS = 90
CRM_DAYS, AD_DAYS, SURVEY_DAYS, WEBINAR_DAYS = 2, 14, 30, 60
#: People whom the smaller tools know.
SAMPLE = 60
_ID = re.compile(rb'^\{"id":"(\d+)"')
_UPDATED = re.compile(rb'"updatedAt":"(\d{4}-\d\d-\d\dT[^"]+)"')
ATTENDEE = ("email", "first_name", "last_name", "organisation", "job_title", "status")
AD_PLATFORMS = ("google_ads", "meta_ads", "linkedin_ads")


def vendors_of(files: Path, end: datetime, seed: int) -> dict[str, Data]:
    """Each vendor's data, by source; what it takes over is removed from the world's files."""
    objects = {
        name: _newest_objects(next(files.glob(f"crm/{name}-export*")), end)
        for name in ("companies", "deals", "contacts")
    }
    people = _people(next(files.glob("crm/contacts-export*")))
    given: dict[str, dict[str, Any]] = {
        "hubspot": {"objects": objects},
        "typeform": {"surveys": _surveys(files / "surveys" / "surveys.csv", end)},
        "livestorm": {"webinars": _webinars(files / "attendees" / "attendees.csv", end)},
        **{
            name: {"campaigns": _campaigns(files / "ad_spend" / f"{name}.csv", end)}
            for name in AD_PLATFORMS
        },
    }
    return {
        name: vendors.load(name).make(people, end, seed, **given.get(name, {}))
        for name in vendors.NAMES
    }


# ---- the CRM ---------------------------------------------------------------------------------


def _newest_objects(path: Path, end: datetime) -> list[dict[str, Any]]:
    """The last version of each object that changed in the last days, as HubSpot holds it."""
    since = (end - timedelta(days=CRM_DAYS)).isoformat().encode()
    lines = _read(path).splitlines(keepends=True)
    newest: dict[bytes, tuple[bytes, int]] = {}
    for number, line in enumerate(lines):
        one, updated = _ID.match(line), _UPDATED.search(line)
        if one and updated:
            newest[one[1]] = max(newest.get(one[1], (b"", 0)), (updated[1], number))
    taken = {number for updated, number in newest.values() if updated >= since}
    _write(path, b"".join(line for n, line in enumerate(lines) if n not in taken))
    return [_as_held(json.loads(lines[number])) for number in sorted(taken)]


def _as_held(found: dict[str, Any]) -> dict[str, Any]:
    found.pop("objectType")
    links = found.pop("associations", {})
    found["associations"] = {
        target: [one["id"] for one in group["results"]] for target, group in links.items()
    }
    if found["archived"]:
        found["archivedAt"] = found["updatedAt"]
    return found


def _people(path: Path) -> list[Person]:
    """Some of the CRM's contacts, each once, both verticals."""
    found: dict[str, Person] = {}
    for line in _read(path).splitlines():
        if len(found) == SAMPLE:
            break
        one = _ID.match(line)
        if not one or not _UPDATED.search(line):
            continue
        own = json.loads(line)["properties"]
        if own.get("email") and own.get("external_user_id") and own.get("vertical"):
            found[own["email"]] = Person(
                email=own["email"],
                first_name=own["firstname"],
                last_name=own["lastname"],
                organisation=own["email"].rpartition("@")[2],
                vertical=own["vertical"],
                crm_id=one[1].decode(),
                user_id=own["external_user_id"],
            )
    return list(found.values())


# ---- files of rows ---------------------------------------------------------------------------


def _take(
    path: Path, wanted: Callable[[dict[str, str]], bool], delimiter: str = ","
) -> list[dict[str, str]]:
    """Rows of a CSV file that are wanted; they are removed from it."""
    header, *lines = _read(path).splitlines(keepends=True)
    names = header.decode().rstrip("\n").split(delimiter)
    kept, taken = [header], []
    for line in lines:
        (cells,) = csv.reader(io.StringIO(line.decode()), delimiter=delimiter)
        row = dict(zip(names, cells, strict=False))
        if len(cells) == len(names) and wanted(row):
            taken.append(row)
        else:
            kept.append(line)
    _write(path, b"".join(kept))
    return taken


def _campaigns(path: Path, end: datetime) -> list[dict[str, Any]]:
    since = (end - timedelta(days=AD_DAYS)).date().isoformat()
    newest: dict[tuple[str, ...], dict[str, str]] = {}
    for row in _take(path, lambda row: row["spend_on"] >= since):
        key = (row["account_id"], row["campaign_id"], row["spend_on"])
        if key not in newest or row["known_at"] > newest[key]["known_at"]:
            newest[key] = row
    campaigns: dict[tuple[str, str], dict[str, Any]] = {}
    for row in newest.values():
        campaign = campaigns.setdefault(
            (row["account_id"], row["campaign_id"]),
            {
                "account_id": row["account_id"],
                "campaign_id": row["campaign_id"],
                "campaign_name": row["campaign_name"],
                "currency": row["currency"],
                "days": [],
            },
        )
        campaign["days"].append(
            {
                "date": row["spend_on"],
                "spend": row["spend"],
                "impressions": int(row["impressions"]),
                "clicks": int(row["clicks"]),
                "conversions": float(row["platform_conversions"]),
            }
        )
    return list(campaigns.values())


def _surveys(path: Path, end: datetime) -> list[dict[str, Any]]:
    since = (end - timedelta(days=SURVEY_DAYS)).isoformat()
    rows = _take(path, lambda row: row["answered_at"] >= since and row["score"].isdigit())
    return [{**row, "score": int(row["score"]), "comment": row["comment"] or None} for row in rows]


def _webinars(path: Path, end: datetime) -> list[dict[str, Any]]:
    """Webinars of the last weeks, with how each attendee ended."""
    since = (end - timedelta(days=WEBINAR_DAYS)).date()

    def wanted(row: dict[str, str]) -> bool:
        recent = row["starts_on"] and since <= date.fromisoformat(row["starts_on"]) < end.date()
        # Livestorm knows nobody who was only invited.
        return bool(row["event_type"] == "webinar" and recent and row["status"] != "invited")

    webinars: dict[str, dict[str, Any]] = {}
    for row in _take(path, wanted, ";"):
        webinar = webinars.setdefault(
            row["event_key"],
            {
                "event_key": row["event_key"],
                "event_name": row["event_name"],
                "vertical": row["vertical"],
                "starts_on": row["starts_on"],
                "attendees": {},
            },
        )
        if row["email"]:
            webinar["attendees"][row["email"]] = {name: row[name] for name in ATTENDEE}
    for webinar in webinars.values():
        webinar["attendees"] = list(webinar["attendees"].values())
    return list(webinars.values())


# ---- bytes -----------------------------------------------------------------------------------


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _write(path: Path, data: bytes) -> None:
    if path.suffix == ".gz":
        data = gzip.compress(data, 1, mtime=0)
    path.write_bytes(data)


def stack(data: dict[str, Data]) -> Starlette:
    """All stand-ins in one server, each below its name."""
    return Starlette(
        routes=[Mount(f"/{name}", vendors.load(name).app(found)) for name, found in data.items()]
    )


def environment(names: Iterable[str], url: str, end: datetime) -> dict[str, str]:
    """What our side sets to ask the stand-ins below one address, of the last weeks, in no time."""
    first = (end - timedelta(days=ASKED_DAYS)).date().isoformat()
    found = {"MARKETING_PULL_FROM": first, "MARKETING_STAND_INS": "on"}
    for name in names:
        found |= vendors.load(name).ENVIRONMENT
        found[f"MARKETING_{name.upper()}_URL"] = f"{url}/{name}"
    return found
