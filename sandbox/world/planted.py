"""Faults planted on purpose: bad rows, conflicts and future times, and what they should become.

Every planted row is listed in the truth (`planted_rows`): kind, file, fault, expected verdict.
`bad` rows end in `rejected_rows`; `quarantined` ones repeat an id with another body; `future`
ones are loaded but lie outside every view of the fixed end (occurred or known at or after it).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import stream

_GOOD = (
    '{"type":"track","event":"Pricing Viewed","messageId":"%s","anonymousId":"planted-%d",'
    '"timestamp":"%s","receivedAt":"%s","properties":{"page":"/tarifs"},'
    '"context":{"library":{"name":"analytics.js","version":"1.70.0"}}}'
)


def event_faults(seed: int, month: int) -> tuple[list[bytes], list[tuple[str, str, str]]]:
    """Raw lines for a month's event file, and (fault, verdict, message id) of each."""
    rng = stream(seed, "planted", month)
    first = cal.month_first(month)
    at = cal.second_text(np.array([first + 9 * cal.HOUR]))[0]
    number = month * 10

    def good(message_id: str, k: int, time: str = at, received: str = at) -> str:
        return _GOOD % (message_id, number + k, time, received)

    token = f"planted{seed}m{month:02d}"
    lines: list[tuple[str, str, str, bytes]] = [
        (
            "truncated JSON",
            "bad",
            "",
            good(token + "a", 1)[: 60 + int(rng.integers(0, 40))].encode(),
        ),
        (
            "time that is no time",
            "bad",
            token + "b",
            good(token + "b", 2, time="2025-13-45T99:00:00Z").encode(),
        ),
    ]
    if month % 3 == 0:
        lines.append(
            (
                "unknown type",
                "bad",
                token + "c",
                good(token + "c", 3).replace('"track"', '"trck"').encode(),
            )
        )
        nobody = good(token + "d", 4).replace(f'"anonymousId":"planted-{number + 4}",', "")
        lines.append(("nobody: no user and no anonymous id", "bad", token + "d", nobody.encode()))
    if month % 4 == 1:
        body = good(token + "e", 5).encode().replace(b"/tarifs", b"/tar\xff\xfe")
        lines.append(("invalid UTF-8", "bad", token + "e", body))
        one = good(token + "f", 6)
        lines.append(("first of a conflict", "good", token + "f", one.encode()))
        other = one.replace("/tarifs", "/autre")
        lines.append(("same id, other body", "quarantined", token + "f", other.encode()))
    if month == cal.N_MONTHS - 2:
        for k, time in enumerate(("2026-10-03T09:00:00.000Z", "2026-10-04T09:00:00.000Z")):
            fault = "device clock ahead: time after the end"
            line = good(f"{token}g{k}", 7 + k, time=time)
            lines.append((fault, "future", f"{token}g{k}", line.encode()))
        line = good(token + "i", 9, time="2999-12-31T09:00:00.000Z")
        lines.append(("time far ahead", "bad", token + "i", line.encode()))
    if month == cal.N_MONTHS - 1:
        for k in range(5):
            line = good(
                f"{token}h{k}",
                7,
                time="2026-09-29T09:00:00.000Z",
                received="2026-10-02T06:00:00.000Z",
            )
            lines.append(("received after the end", "future", f"{token}h{k}", line.encode()))
    return [x[3] for x in lines], [(x[0], x[1], x[2]) for x in lines]


#: Bad lines of CRM files: object prefix to (fault, line).
CRM_FAULTS = {
    "contacts": [
        (
            "no id",
            '{"objectType":"contacts","properties":{"email":"sans.id@courriel.example"},'
            '"createdAt":"2025-02-01T09:00:00.000Z","updatedAt":"2025-02-01T09:00:00.000Z","archived":false}',
        ),
        (
            "updatedAt that is no time",
            '{"id":"99000001","objectType":"contacts","properties":{},'
            '"createdAt":"2025-02-01T09:00:00.000Z","updatedAt":"hier","archived":false}',
        ),
    ],
    "companies": [
        (
            "truncated JSON",
            '{"id":"9990000001","objectType":"companies","properties":{"name":"Cabinet',
        ),
    ],
    "deals": [
        (
            "amount that is no number",
            '{"id":"5990000001","objectType":"deals","properties":'
            '{"dealname":"Montant illisible","pipeline":"public_sales",'
            '"dealstage":"discovery_call","amount":"beaucoup"},"createdAt":"2025-02-01T09:00:00.000Z",'
            '"updatedAt":"2025-02-01T09:00:00.000Z","archived":false}',
        ),
    ],
}

#: Bad lines of CSV files: file to [(fault, line)].
CSV_FAULTS = {
    "costs/costs.csv": [
        (
            "amount that is no number",
            "medical,2025-02,digital,actual,marketing,digital,12oo.00,EUR,2025-03-01T08:00:00Z",
        ),
        (
            "month 13",
            "public,2025-13,webinars,actual,marketing,webinar,600.00,EUR,2025-03-01T08:00:00Z",
        ),
    ],
    "ad_spend/google_ads.csv": [
        (
            "30 February",
            "google_ads,111-222-3333,20010001,med-search-brand,medical,2025-02-30,4.10,EUR,"
            "90,3,0,2025-03-01T04:00:00Z",
        ),
        (
            "currency that does not exist",
            "google_ads,111-222-3333,20010001,med-search-brand,medical,"
            "2025-03-02,4.10,ZZZ,90,3,0,2025-03-03T04:00:00Z",
        ),
    ],
    "surveys/surveys.csv": [
        (
            "score that is no number",
            "r-bad-1,nps-2025-03,nps,medical,x@courriel.example,,onze,,"
            "2025-03-05T10:00:00Z,2025-03-05T10:01:00Z",
        ),
    ],
    "consents/consents.csv": [
        (
            "unknown status",
            "bad-status@courriel.example,,newsletter,email,maybe,consent,form,v1,"
            "2025-01-01T10:00:00Z,2025-01-01T10:01:00Z",
        ),
    ],
}


def csv_extra(name: str) -> bytes:
    """The planted lines of a CSV file."""
    return "".join(line + "\n" for _, line in CSV_FAULTS.get(name, [])).encode()


def crm_extra(prefix: str) -> bytes:
    """The planted lines of a CRM file."""
    return "".join(line + "\n" for _, line in CRM_FAULTS[prefix]).encode()


def planted_table(events: list[tuple[str, str, str, str]], suffix: str) -> pl.DataFrame:
    """kind, file, fault, verdict, message_id of every planted row.

    `events` holds (file, fault, verdict, message id).
    """
    found = [("events", *e) for e in events]
    found += [
        ("crm", f"crm/{p}-export{suffix}", fault, "bad", "")
        for p, lines in CRM_FAULTS.items()
        for fault, _ in lines
    ]
    found += [
        (name.split("/")[0], name, fault, "bad", "")
        for name, lines in CSV_FAULTS.items()
        for fault, _ in lines
    ]
    columns = ["kind", "file", "fault", "verdict", "message_id"]
    return pl.DataFrame(found, schema=columns, orient="row")
