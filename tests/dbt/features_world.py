"""A small lake with everything that features speak of, much of it known late or told anew."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from tests.dbt import worlds

AS_OF = datetime(2026, 10, 1, 9, 30)
FIRST = datetime(2025, 6, 1)
CONTACTS = 16
COMPANIES = 5
#: Track events of people -> (family of features, touch type).
EVENTS = {
    "White Paper Downloaded": ("content", "content_download"),
    "Video Watched": ("content", "video_view"),
    "Pricing Viewed": ("pricing", "pricing_view"),
    "ROI Calculator Used": ("calculators", "roi_calculator"),
    "Form Submitted": ("forms", "form_submit"),
    "Demo Requested": ("demos", "demo_request"),
    "Trial Started": ("trials", "trial_start"),
    "Webinar Attended": ("programmes", "webinar_attend"),
    "Check-in Held": ("meetings", "meeting"),
    "Referral Given": ("advocacy", "advocacy"),
    "Email Clicked": ("mail_clicks", "email_click"),
    "Feature Used": ("uses", None),
    "Signed In": ("uses", None),
    "Support Ticket Opened": ("tickets", None),
    "Training Completed": ("trainings", None),
    "Email Unsubscribed": ("mail_stops", None),
}
Row = dict[str, Any]
Streams = dict[str, list[Row]]


def lake(seed: int) -> Streams:
    """Streams of the lake; each row has its known_at."""
    rng = random.Random(seed)
    people = [f"u{n}" for n in range(CONTACTS)]
    streams = {
        "crm_companies": _companies(rng),
        "crm_contacts": _contacts(rng),
        "crm_deals": _deals(rng),
        "events": _events(rng, people),
        "surveys": [
            _told(rng, {"response_id": f"r{n}", "question_type": kind, "score": rng.randint(0, 10)})
            | {"user_key": rng.choice(people)}
            for n, kind in enumerate(["nps", "csat"] * 15)
        ],
        "product_usage": _usage(rng, people),
        "meetings": _meetings(rng),
        "support_tickets": _tickets(rng, people),
    }
    for rows in streams.values():
        for line, row in enumerate(rows):
            row["landing_line"] = line
    return streams | {"parameters": worlds.parameters()}


def known_by(streams: Streams, moment: datetime) -> Streams:
    """What the lake held at a moment. Definitions are of always."""
    return {
        name: [row for row in rows if name == "parameters" or row["known_at"] <= moment]
        for name, rows in streams.items()
    }


def month_starts() -> list[datetime]:
    return [datetime(2024 + (9 + n) // 12, (9 + n) % 12 + 1, 1) for n in range(25)]


def _moment(rng: random.Random) -> datetime:
    """Any time, the first second of a month and the second before among them."""
    if rng.random() < 0.1:
        edge = rng.choice(month_starts()[9:])
        return edge + timedelta(seconds=rng.choice([-1, 0, 1]))
    return FIRST + timedelta(seconds=rng.randint(0, 480 * 86400))


def _told(rng: random.Random, row: Row) -> Row:
    at = _moment(rng)
    late = rng.choice([0, 0, 0, 1, 3600, 5 * 86400, 70 * 86400])
    return row | {"occurred_at": at, "known_at": at + timedelta(seconds=late)}


def _companies(rng: random.Random) -> list[Row]:
    rows = []
    for n in range(COMPANIES):
        base = worlds.company(f"c{n}", rng.choice(["medical", "public"]))
        for version, known in enumerate([FIRST, *sorted(_moment(rng) for _ in range(2))]):
            changing = {"employees": 10 * version + n, "population": 1000 * version}
            rows.append(base | changing | {"account_type": f"t{version}", "known_at": known})
    return rows


def _contacts(rng: random.Random) -> list[Row]:
    rows = []
    for n in range(CONTACTS):
        base = {
            "crm_id": f"p{n}",
            "contact_key": f"key-p{n}",
            "user_id": f"u{n}",
            "user_key": f"u{n}",
            "email": f"p{n}@example.org",
            "email_key": f"e{n}",
            "company_crm_id": f"c{n % COMPANIES}",
            "created_at": FIRST + timedelta(days=n),
        }
        # The CRM hears of some only long after they were seen elsewhere.
        heard = FIRST + timedelta(days=20 * (n % 4))
        for version, known in enumerate(sorted([heard, _moment(rng), _moment(rng)])):
            changing = {"role": f"role {version}", "lifecycle_stage": f"stage {version}"}
            rows.append(base | changing | {"known_at": known})
    return rows


def _deals(rng: random.Random) -> list[Row]:
    """c0 goes on, c1 ends, c2 is raised, c3 comes back after long and c4 after a short gap."""
    spans: list[tuple[int, float, date, date | None]] = [
        (0, 100, date(2025, 7, 10), None),
        (1, 200, date(2025, 8, 31), date(2026, 4, 15)),
        (2, 300, date(2025, 7, 1), None),
        (2, 50, date(2026, 1, 20), None),
        (3, 80, date(2025, 7, 5), date(2025, 12, 1)),
        (3, 90, date(2026, 5, 5), None),
        (4, 70, date(2025, 6, 20), date(2026, 2, 1)),
        (4, 60, date(2026, 3, 1), None),
    ]
    rows = []
    for n, (company, mrr, start, end) in enumerate(spans):
        deal = worlds.contract(f"d{n}", f"c{company}", mrr, start, None)
        known = datetime.combine(start, datetime.min.time()) + timedelta(days=rng.randint(0, 9))
        rows.append(deal | {"known_at": known})
        if end:
            told = datetime.combine(end, datetime.min.time()) + timedelta(days=rng.randint(-20, 20))
            rows.append(deal | {"contract_end_on": end, "known_at": told})
    return rows


def _events(rng: random.Random, people: list[str]) -> list[Row]:
    rows = []
    for n in range(1400):
        row = _told(rng, {"message_id": f"m{n:04}", "user_key": rng.choice(people)})
        if rng.random() < 0.15:
            row |= {"type": "page", "page_host": "www.example.org", "page_path": "/x"}
        else:
            row |= {"type": "track", "event": rng.choice(list(EVENTS))}
        rows.append(row)
    for n in range(120):
        row = _told(rng, {"message_id": f"s{n:04}", "user_key": rng.choice(people)})
        rows.append(row | {"type": "track", "event": "Email Delivered", "properties": _sent(n)})
    for n in range(20):
        row = _told(rng, {"message_id": f"o{n:04}", "user_key": rng.choice(people)})
        order = {"event": "Order Completed", "order_id": f"o{n}", "revenue": 10, "currency": "EUR"}
        rows.append(row | {"type": "track", **order})
    return rows


def _sent(number: int) -> str:
    return worlds.json_text(send_id=f"send-{number}")


def _usage(rng: random.Random, people: list[str]) -> list[Row]:
    """Uses by day, half of them restated once."""
    rows = []
    for n in range(60):
        day = (FIRST + timedelta(days=rng.randint(0, 470))).date()
        row = {"source": "x", "account_id": "a", "user_id": f"x{n}", "feature": f"f{n}"}
        row |= {"user_key": rng.choice(people), "used_on": day, "uses": rng.randint(1, 9)}
        known = datetime.combine(day, datetime.min.time()) + timedelta(days=1)
        rows.append(row | {"known_at": known})
        if rng.random() < 0.5:
            later = known + timedelta(days=rng.randint(1, 60))
            rows.append(row | {"uses": rng.randint(0, 9), "known_at": later})
    return rows


def _meetings(rng: random.Random) -> list[Row]:
    """Booked, and some of them called off later."""
    rows = []
    for n in range(30):
        row = _told(rng, {"source": "calendar", "meeting_id": f"g{n}"})
        at = row.pop("occurred_at")
        row |= {"starts_at": at, "status": "scheduled", "email_key": f"e{rng.randrange(CONTACTS)}"}
        rows.append(row)
        if rng.random() < 0.4:
            later = row["known_at"] + timedelta(days=rng.randint(1, 80))
            rows.append(row | {"status": "canceled", "known_at": later})
    return rows


def _tickets(rng: random.Random, people: list[str]) -> list[Row]:
    rows = []
    for n in range(40):
        row = _told(rng, {"source": "desk", "ticket_id": f"t{n}", "user_key": rng.choice(people)})
        row["created_at"] = row.pop("occurred_at")
        rows.append(row | {"status": "open"})
        later = row["known_at"] + timedelta(days=rng.randint(1, 80))
        rows.append(row | {"status": "closed", "known_at": later})
    return rows
