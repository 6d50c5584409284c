"""Features by slow and obvious Python, from the rows of a lake as features_world draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp, log
from typing import Any

from tests.dbt.features_world import EVENTS, Row, Streams

WINDOWS = (7, 30, 90, 180)
NO_TOUCH = {"uses", "tickets", "trainings", "mails", "mail_stops"}
#: Of marketing/scoring.yml.
WEIGHTS = {"email_click": 1.0, "content_view": 0.5}
INTENT = {"pricing_view": 10, "roi_calculator": 15, "demo_request": 40, "trial_start": 40}


@dataclass(frozen=True)
class Signal:
    contact: str
    family: str
    touch_type: str | None
    at: datetime
    known_at: datetime
    superseded_at: datetime | None
    amount: int = 1


def versions(rows: list[Row], *key: str) -> Iterator[tuple[Row, datetime | None]]:
    """Each version with when the next one of its record was known."""
    for row in rows:
        same = [r for r in rows if all(r[k] == row[k] for k in key)]
        same.sort(key=lambda r: (r["known_at"], r["landing_line"]))
        place = same.index(row)
        yield row, same[place + 1]["known_at"] if place + 1 < len(same) else None


def in_force(rows: list[Row], moment: datetime, *key: str) -> list[Row]:
    return [
        row
        for row, until in versions(rows, *key)
        if row["known_at"] <= moment and (until is None or until > moment)
    ]


def signals(streams: Streams, uses: str = "events") -> list[Signal]:
    """``uses`` as in features.yml: what tells of uses."""
    found = []
    for row in streams["events"]:
        named = (row["user_key"], row["occurred_at"], row["known_at"], None)
        if row["type"] == "page":
            found.append(_signal("pages", "content_view", *named))
        elif row["event"] == "Email Delivered":
            found.append(_signal("mails", None, *named))
        elif row["event"] in EVENTS and (EVENTS[row["event"]][0] != "uses" or uses == "events"):
            found.append(_signal(*EVENTS[row["event"]], *named))
    counted = streams["product_usage"] if uses == "product_usage" else []
    for row, until in versions(counted, "user_id"):
        at = datetime.combine(row["used_on"], datetime.min.time())
        found.append(
            _signal("uses", None, row["user_key"], at, row["known_at"], until, row["uses"])
        )
    for row, until in versions(streams["meetings"], "meeting_id"):
        if row["status"] == "scheduled":
            person = row["email_key"].replace("e", "u")
            named = (person, row["starts_at"], row["known_at"], until)
            found.append(_signal("meetings", "meeting", *named))
    for row, until in versions(streams["support_tickets"], "ticket_id"):
        named = (row["user_key"], row["created_at"], row["known_at"], until)
        found.append(_signal("tickets", None, *named))
    return found


def _signal(family: str, touch_type: str | None, person: str, *rest: Any) -> Signal:
    return Signal(person.replace("u", "p"), family, touch_type, *rest)


def there_since(streams: Streams, n: int) -> datetime:
    """When anything was first known of a person by a name that is no device."""
    told = [row["known_at"] for row in streams["crm_contacts"] if row["crm_id"] == f"p{n}"]
    for stream in ("events", "product_usage", "surveys", "support_tickets"):
        told += [row["known_at"] for row in streams[stream] if row["user_key"] == f"u{n}"]
    told += [row["known_at"] for row in streams["meetings"] if row["email_key"] == f"e{n}"]
    return min(told)


def seen(all_signals: list[Signal], contact: str, moment: datetime) -> list[tuple[Signal, float]]:
    """The signals of 180 days that were known, with their age in days."""
    return [
        (s, (moment - s.at).total_seconds() / 86400)
        for s in all_signals
        if s.contact == contact
        and moment - timedelta(days=180) <= s.at < moment
        and s.known_at <= moment
        and (s.superseded_at is None or s.superseded_at > moment)
    ]


def count(path: list[tuple[Signal, float]], family: str, days: int) -> int:
    return sum(s.amount for s, age in path if s.family == family and age <= days)


def contact_features(path: list[tuple[Signal, float]]) -> dict[str, Any]:
    touches = [(s, age) for s, age in path if s.family not in NO_TOUCH]
    mails = count(path, "mails", 180)
    weight = sum(WEIGHTS.get(s.touch_type or "", 1.0) * 2 ** (-age / 30) for s, age in touches)
    intent = sum(INTENT.get(s.touch_type or "", 0) * 2 ** (-age / 21) for s, age in touches)
    found = {f"touches_{d}d": sum(age <= d for _, age in touches) for d in WINDOWS}
    for family in ("pages", "mails", "mail_clicks"):
        found |= {f"{family}_{d}d": count(path, family, d) for d in (7, 30, 90)}
    for family in ("forms", "demos", "trials", "programmes", "meetings", "pricing", "content"):
        found[f"{family}_90d"] = count(path, family, 90)
    return found | {
        "mail_stops_180d": count(path, "mail_stops", 180),
        "uses_30d": count(path, "uses", 30),
        "days_since_touch": min((age for _, age in touches), default=None),
        "mail_click_rate_180d": count(path, "mail_clicks", 180) / mails if mails else None,
        "touch_kinds_90d": len({s.family for s, age in touches if age <= 90}),
        "engagement_frequency": 100 * (1 - exp(-weight / 6)),
        "engagement_intent": 100 * min(1.0, intent / 40),
    }


def contract(streams: Streams, company: str, moment: datetime) -> dict[str, Any] | None:
    """What the deals told by then say; None of who does not pay."""
    day = (moment + timedelta(hours=2)).date()  # midnight in London is the same day in Paris
    deals = [
        (d["contract_start_on"], d["contract_end_on"] or date.max, d["mrr"])
        for d in in_force(streams["crm_deals"], moment, "crm_id")
        if d["company_crm_id"] == company and d["contract_start_on"] <= day
    ]
    running = [d for d in deals if d[1] > day]
    if not running:
        return None
    since = min(start for start, _, _ in running)
    while earlier := [s for s, e, _ in deals if s < since <= min(e, since) + timedelta(days=60)
                      and e.toordinal() + 60 >= since.toordinal()]:  # fmt: skip
        since = min(earlier)
    before = day - timedelta(days=90)
    tenure = (day.year - since.year) * 12 + day.month - since.month
    return {
        "mrr_base": sum(mrr for _, _, mrr in running),
        "mrr_change_90d": sum(mrr for _, _, mrr in running)
        - sum(mrr for s, e, mrr in deals if s <= before < e),
        "contracts": len(running),
        "tenure_months": tenure,
        "contract_month": tenure % 12,
        "usable_days": max(7, min(180, (day - since).days)),
    }


def account_features(
    paths: list[list[tuple[Signal, float]]], answers: list[tuple[datetime, int]], usable_days: int
) -> dict[str, Any]:
    """``paths``: what was seen of each contact. ``answers``: its NPS answers known by then."""
    recent = [count(path, "uses", 30) for path in paths]
    earlier = [count(path, "uses", 90) for path in paths]
    lost = [e for r, e in zip(recent, earlier, strict=True) if e > 0 and r == 0]
    before = sum(earlier) - sum(recent)
    slow = sum(
        s.amount * 2 ** (-age / 90) for path in paths for s, age in path if s.family == "uses"
    )
    weight = 90 / log(2) * (1 - 2 ** (-usable_days / 90))
    last = max(answers, key=lambda a: (a[0], -a[1]), default=(None, None))
    return {
        "uses_30d": sum(recent),
        "uses_90d": sum(earlier),
        "use_trend": 3 * sum(recent) / sum(earlier) if sum(earlier) else None,
        "use_rate_slow": 30 * slow / weight,
        "active_users_30d": sum(r > 0 for r in recent),
        "active_users_90d": sum(e > 0 for e in earlier),
        "lost_users": len(lost),
        "lost_use_share": sum(lost) / before if before else None,
        "tickets_90d": sum(count(path, "tickets", 90) for path in paths),
        "nps_score": last[1],
    }
