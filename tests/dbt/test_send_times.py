"""The hour at which somebody clicks: by hand, and against a loop over every mail."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from workspace import definitions
from workspace.definitions.caps import Caps
from workspace.definitions.store import table
from workspace.paths import PROJECT

AS_OF = worlds.AS_OF
ZONE = "Europe/Paris"
MODELS = ("int_mail_hours", "int_mail_hour_rates", "send_times")
CAPS = definitions.load(PROJECT / "marketing").caps
KINDS = ("weekday", "weekend")


@dataclass(frozen=True)
class Mail:
    contact_id: str
    sent_at: datetime | None
    clicks: int = 0
    bounced: bool = False


@dataclass(frozen=True)
class Someone:
    contact_id: str
    vertical: str | None = "medical"
    persona: str | None = "surgeon"
    country: str | None = "FR"


def caps(**more: Any) -> Caps:
    plain = CAPS.model_dump(mode="json", by_alias=True)
    send_time = {**plain["send_time"], **more.pop("send_time", {})}
    return Caps.model_validate({**plain, "send_time": send_time, **more})


def at(days_back: int, local_hour: int, zone: str = ZONE, minute: int = 30) -> datetime:
    """A moment in UTC, so many days before, in an hour of a zone."""
    day = (AS_OF - timedelta(days=days_back)).date()
    local = datetime(day.year, day.month, day.day, local_hour, minute, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def weekdays(count: int, first: int = 2) -> list[int]:
    """So many days back that are no weekend in Paris."""
    found = []
    days_back = first
    while len(found) < count:
        if (AS_OF - timedelta(days=days_back)).weekday() < 5:
            found.append(days_back)
        days_back += 1
    return found


Row = dict[str, Any]


def oracle(
    mails: list[Mail], people: list[Someone], given: Caps, quiet: set[tuple[str | None, int]]
) -> dict[tuple[str, str], Row]:
    """The formulas of the mart as sums over mails; ``quiet`` hours by country (None: any)."""
    chosen, known = given.send_time, {one.contact_id: one for one in people}
    sends: dict[tuple, int] = defaultdict(int)
    clicks: dict[tuple, int] = defaultdict(int)
    reached = set()
    for mail in mails:
        one = known.get(mail.contact_id)
        if one is None or mail.sent_at is None or mail.bounced:
            continue
        old = mail.sent_at <= AS_OF - timedelta(days=chosen.days)
        if old or mail.sent_at > AS_OF - timedelta(days=1):
            continue
        zone = ZoneInfo(given.time_zones.get(one.country or "", ZONE))
        local = mail.sent_at.replace(tzinfo=UTC).astimezone(zone)
        kind = KINDS[local.weekday() >= 5]
        segment = (one.vertical or "", one.persona or "")
        reached.add(one.contact_id)
        for scope in ((kind,), (kind, local.hour), (segment, kind, local.hour),
                      (one.contact_id, kind, local.hour), (one.contact_id, kind)):  # fmt: skip
            sends[scope] += 1
            clicks[scope] += mail.clicks > 0

    def rate(scope: tuple, toward: float) -> float:
        return (clicks[scope] + chosen.smoothing * toward) / (sends[scope] + chosen.smoothing)

    found = {}
    for contact_id in reached:
        one = known[contact_id]
        segment = (one.vertical or "", one.persona or "")
        for kind in KINDS:
            row: Row = {
                "recommended_hour": chosen.default_hour,
                "best_hour": None,
                "gain": None,
                "sends": sends[contact_id, kind],
                "clicks": clicks[contact_id, kind],
                "is_fallback": True,
            }
            if row["sends"] >= chosen.least_mails:
                level = clicks[kind,] / sends[kind,]
                rates = {
                    hour: rate(
                        (contact_id, kind, hour),
                        rate((segment, kind, hour), rate((kind, hour), level)),
                    )
                    for hour in range(24)
                }
                allowed = [
                    hour
                    for hour in range(24)
                    if sends[segment, kind, hour] >= chosen.smoothing
                    and not {(None, hour), (one.country, hour)} & quiet
                ]
                if allowed:
                    best = min(
                        allowed,
                        key=lambda h: (-round(rates[h], 12), h != chosen.default_hour, h),
                    )
                    row["best_hour"] = best
                    default = rates[chosen.default_hour]
                    row["gain"] = rates[best] / default - 1 if default else None
                    if row["gain"] is not None and row["gain"] >= chosen.least_gain:
                        row |= {"recommended_hour": best, "is_fallback": False}
            found[contact_id, kind] = row
    return found


@pytest.fixture(scope="module")
def house(empty: Lakehouse, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return empty.copied(tmp_path_factory.mktemp("send_times"))


def computed(
    house: Lakehouse, mails: list[Mail], people: list[Someone], given: Caps
) -> dict[tuple[str, str], Row]:
    rows = table({"caps": list(given.rows())}, AS_OF).to_pylist()
    house.put("lake.parameters", rows)
    house.put(
        "marts.fct_emails",
        [
            {
                "email_id": f"m{n}",
                "contact_id": mail.contact_id,
                "sent_at": mail.sent_at,
                "human_clicks": mail.clicks,
                "bounced_at": mail.sent_at if mail.bounced else None,
            }
            for n, mail in enumerate(mails)
        ],
    )
    house.put(
        "intermediate.int_contacts",
        [
            {"contact_id": p.contact_id, "vertical": p.vertical, "country": p.country}
            for p in people
        ],
    )
    house.put(
        "marts.contact_personas",
        [{"contact_id": p.contact_id, "persona": p.persona} for p in people],
    )
    house.build(*MODELS, tests="cautious")
    names = ("recommended_hour", "best_hour", "gain", "sends", "clicks", "is_fallback")
    return {
        (contact_id, kind): dict(zip(names, values, strict=True))
        for contact_id, kind, *values in house.rows(
            f"select contact_id, day_kind, {', '.join(names)} from marts.send_times"
        )
    }


def test_by_hand(house: Lakehouse) -> None:
    """Twenty mails at 10 without a click, twenty at 14 of which ten were clicked."""
    days = weekdays(20)
    mails = [Mail("a", at(day, 10)) for day in days]
    mails += [Mail("a", at(day, 14), clicks=int(n < 10)) for n, day in enumerate(days)]
    found = computed(house, mails, [Someone("a")], caps())
    row = found["a", "weekday"]
    # All of these days: 10 / 40. At 14: (10 + 20 x 0.25) / 40 = 0.375, then (10 + 20 x 0.375) / 40
    # and (10 + 20 x 0.4375) / 40; at 10: 0.25 halved three times.
    assert row["best_hour"] == row["recommended_hour"] == 14 and not row["is_fallback"]
    assert row["gain"] == pytest.approx(0.46875 / 0.03125 - 1)
    assert (row["sends"], row["clicks"]) == (40, 10)
    weekend = found["a", "weekend"]
    assert weekend["is_fallback"] and weekend["recommended_hour"] == 10 and weekend["sends"] == 0


def test_a_click_counts_at_the_hour_of_its_mail(house: Lakehouse) -> None:
    """Local to the contact, however late it was clicked, once however often."""
    mails = [Mail("a", at(day, 14, "Europe/Paris"), clicks=3) for day in weekdays(30)]
    mails += [Mail("a", at(day, 10, "Europe/Paris")) for day in weekdays(30)]
    people = [Someone("a", country="FR")]
    row = computed(house, mails, people, caps())["a", "weekday"]
    assert (row["best_hour"], row["clicks"]) == (14, 30)
    abroad = caps(time_zones={"FR": "Asia/Tokyo"})
    kinds = computed(house, mails, people, abroad)
    assert {row["best_hour"] for row in kinds.values() if row["best_hour"]} <= {21, 22}


@pytest.mark.parametrize(
    ("mails_to_b", "least_gain", "hour"), [(4, 0.05, 10), (5, 0.05, 14), (5, 2.0, 10)]
)
def test_too_few_mails_or_too_little_gain(
    house: Lakehouse, mails_to_b: int, least_gain: float, hour: int
) -> None:
    days = weekdays(40)
    mails = [Mail("a", at(day, 14), clicks=1) for day in days]
    mails += [Mail("a", at(day, 10), clicks=n % 2) for n, day in enumerate(days)]
    mails += [Mail("b", at(day, 10)) for day in days[:mails_to_b]]
    given = caps(send_time={"least_gain": least_gain})
    found = computed(house, mails, [Someone("a"), Someone("b")], given)
    # The segment's hour is taken by somebody who never got a mail at it.
    assert found["b", "weekday"]["recommended_hour"] == hour
    assert found["b", "weekday"]["is_fallback"] == (hour == 10)


def test_what_does_not_count(house: Lakehouse) -> None:
    mails = [
        Mail("a", at(3, 9), bounced=True),
        Mail("a", None),
        Mail("a", AS_OF - timedelta(hours=23)),
        Mail("a", AS_OF - timedelta(days=366)),
        Mail("nobody", at(3, 9)),
    ]
    assert computed(house, mails, [Someone("a")], caps()) == {}


@pytest.mark.parametrize("seed", range(4))
def test_the_oracle_agrees(house: Lakehouse, seed: int) -> None:
    draw = random.Random(seed)
    people = [
        Someone(
            f"c{n}",
            draw.choice(["medical", "public", None]),
            draw.choice(["surgeon", "buyer", None]),
            draw.choice(["FR", "FR", "US", None]),
        )
        for n in range(25)
    ]
    habits = {one.contact_id: draw.sample(range(24), 3) for one in people}
    mails = []
    for _ in range(6000):
        one = draw.choice(people).contact_id
        hour = draw.choice([6, 8, 9, 10, 10, 10, 14, 21, draw.randrange(24)])
        # 23:00 in winter and the days clocks change are among them.
        sent_at = at(draw.randrange(0, 380), hour, minute=draw.choice([0, 59]))
        clicked = draw.random() < (0.5 if hour in habits[one] else 0.1)
        mails.append(Mail(one, sent_at, draw.choice([1, 2]) * clicked, draw.random() < 0.05))
    quiet = [
        {"channels": ["email"], "from": "20:00", "to": "06:30"},
        {"countries": ["FR"], "from": "14:00", "to": "15:00"},
        {"channels": ["sms"], "from": "08:00", "to": "11:00"},
        {"classes": ["marketing"], "from": "08:00", "to": "11:00"},
    ]
    given = caps(
        quiet_hours=quiet,
        time_zones={"FR": ZONE, "US": "America/New_York"},
        send_time={"smoothing": draw.choice([3, 20]), "least_mails": draw.choice([5, 40])},
    )
    hours = {(None, h) for h in (*range(20, 24), *range(7))} | {("FR", 14)}
    found, expected = computed(house, mails, people, given), oracle(mails, people, given, hours)
    assert found.keys() == expected.keys() and len(found) == 50
    for key, row in expected.items():
        assert found[key] == {**row, "gain": pytest.approx(row["gain"], abs=1e-9)}, key
    assert sum(not row["is_fallback"] for row in found.values()) > 3


def test_the_best_hour_of_a_drawn_world_is_found(house: Lakehouse) -> None:
    """Two kinds of people click twice as often at their hour; mails went out at 10, and one in ten
    at an hour drawn by chance."""
    draw = random.Random(11)
    best = {"surgeon": 7, "buyer": 18}
    people = [Someone(f"c{n}", "medical", ["surgeon", "buyer"][n % 2]) for n in range(120)]

    def likely(persona: str | None, hour: int) -> float:
        return 0.3 if hour == best[persona or ""] else 0.12

    mails = []
    for one in people:
        for day in weekdays(150):
            hour = draw.choice([7, 8, 12, 18]) if draw.random() < 0.1 else 10
            clicked = draw.random() < likely(one.persona, hour)
            mails.append(Mail(one.contact_id, at(day, hour), int(clicked)))
    found = computed(house, mails, people, caps())
    chosen = {one: found[one.contact_id, "weekday"] for one in people}
    right = [one for one, row in chosen.items() if row["recommended_hour"] == best[one.persona]]
    assert len(right) >= 0.9 * len(people)
    brings = sum(likely(one.persona, row["recommended_hour"]) for one, row in chosen.items())
    assert brings / len(people) > 0.27  # 0.30 by who knows them, 0.12 at 10
    # Nobody was written to at a weekend: there the default hour stays.
    assert all(found[one.contact_id, "weekend"]["is_fallback"] for one in people)
