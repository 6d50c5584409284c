"""Congresses, salons and webinars with their lists, and survey answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.contracts import Book
from sandbox.world.draws import stream
from sandbox.world.events import TEMPLATE, Fragments, rows
from sandbox.world.plan import CHANNELS, VERTICALS
from sandbox.world.planted import csv_extra
from sandbox.world.product import Use
from sandbox.world.writer import Files

#: key, name, type, vertical, calendar month, day, length in days, city.
YEARLY = [
    ("sofcot", "Congrès de la SOFCOT", "congress", "medical", 11, 12, 3, "Paris"),
    ("sfc", "Congrès de la SFC", "congress", "medical", 6, 4, 2, "Lyon"),
    (
        "jeunes-chirurgiens",
        "Journée des jeunes chirurgiens",
        "congress",
        "medical",
        3,
        20,
        1,
        "Nantes",
    ),
    (
        "salon-des-maires",
        "Salon des Maires et des Collectivités",
        "salon",
        "public",
        11,
        19,
        3,
        "Paris",
    ),
    ("rencontres-ugap", "Rencontres UGAP", "other", "public", 4, 9, 1, "Bordeaux"),
    ("assises-dgs", "Assises des DGS", "salon", "public", 6, 17, 2, "Dijon"),
]
COLUMNS = [
    "event_key",
    "event_name",
    "event_type",
    "vertical",
    "starts_on",
    "ends_on",
    "city",
    "email",
    "first_name",
    "last_name",
    "organisation",
    "job_title",
    "status",
    "known_at",
]


@dataclass
class Programme:
    """The calendar as a table (key, name, type, vertical, start, end, city)."""

    table: pl.DataFrame


def programme(seed: int) -> Programme:
    """Yearly congresses and salons, and a monthly webinar per vertical, of the 24 months."""
    rng = stream(seed, "programme")
    found = []
    for month in range(cal.N_MONTHS):
        number = int(cal.CALENDAR_MONTH[12 + month])
        year = cal.month_label(month)[:4]
        for key, name, kind, vertical, when, day, days, city in YEARLY:
            if when == number:
                start = cal.month_first(month) + (day - 1) * cal.DAY
                found.append(
                    (
                        f"{key}-{year}",
                        f"{name} {year}",
                        kind,
                        vertical,
                        start,
                        start + (days - 1) * cal.DAY,
                        city,
                    )
                )
        for vertical in VERTICALS:
            start = cal.month_first(month) + int(rng.integers(9, 20)) * cal.DAY
            start -= max(int(cal.weekday(np.array([start]))[0]) - 3, 0) * cal.DAY
            label = cal.month_label(month)
            found.append(
                (
                    f"webinar-{vertical[:3]}-{label}",
                    f"Webinaire {vertical} {label}",
                    "webinar",
                    vertical,
                    start,
                    start,
                    None,
                )
            )
    return Programme(
        pl.DataFrame(
            found,
            schema=["event_key", "event_name", "event_type", "vertical", "start", "end", "city"],
            orient="row",
        )
    )


def attendance(
    seed: int, plan: Programme, people: pl.DataFrame, touches: pl.DataFrame
) -> pl.DataFrame:
    """event_key, person, registered, status and their times.

    Leads whose path holds an event or a webinar attended the nearest one before; others are
    drawn from the vertical's contacts.
    """
    rng = stream(seed, "attendance")
    by_touch = touches.filter(
        pl.col("channel").is_in([CHANNELS.index("events"), CHANNELS.index("webinar")]),
        pl.col("time") >= cal.START,
    )
    parts = []
    vertical = people["vertical"].to_numpy()
    created = people["created"].to_numpy()
    for key, kind, v, start in plan.table.select(
        "event_key", "event_type", "vertical", "start"
    ).rows():
        channel = CHANNELS.index("webinar" if kind == "webinar" else "events")
        window = 31 * cal.DAY
        near = by_touch.filter(
            pl.col("channel") == channel,
            pl.col("time") >= start,
            pl.col("time") < start + window,
        )
        touched = near["unit"].unique(maintain_order=True).to_numpy()
        touched = touched[vertical[touched] == v]
        pool = np.flatnonzero((vertical == v) & (created < start))
        more = rng.permutation(pool)[: 25 if kind == "webinar" else 60]
        person = np.r_[touched, np.setdiff1d(more, touched)]
        came = np.r_[
            np.ones(len(touched), dtype=bool), rng.random(len(person) - len(touched)) < 0.6
        ]
        status = np.where(came, 2, np.where(rng.random(len(person)) < 0.3, 0, 3))
        parts.append(
            pl.DataFrame(
                {
                    "event_key": [key] * len(person),
                    "person": person,
                    "registered": start
                    - rng.integers(2, 25, len(person)) * cal.DAY
                    + 10 * cal.HOUR,
                    "start": start,
                    "status": status,
                }
            )
        )
    return pl.concat(parts)


STATUS = ["invited", "registered", "attended", "no_show"]


def write_attendees(
    files: Files, plan: Programme, lists: pl.DataFrame, people: pl.DataFrame, accounts: pl.DataFrame
) -> None:
    """The calendar entries (no address), then registrations and, after each event, who came."""
    who = people.select(
        pl.col("person"), "email", "first_name", "last_name", "job_title", "account"
    ).with_columns(organisation=accounts["name"].gather(people["account"]))
    calendar = plan.table.select(
        "event_key", "event_name", "event_type", "vertical", "start", "end", "city"
    )
    entry = calendar.with_columns(
        known=pl.min_horizontal(pl.lit(cal.START), pl.col("start")) - 9 * cal.DAY
    )
    listed = lists.drop("start").join(who, on="person").join(calendar, on="event_key")
    registered = listed.with_columns(
        known="registered",
        status=pl.when(pl.col("status") == 0)
        .then(pl.lit("invited"))
        .otherwise(pl.lit("registered")),
    )
    after = listed.filter(pl.col("status") > 0).with_columns(
        known=pl.col("end") + cal.DAY + 8 * cal.HOUR,
        status=pl.Series(STATUS).gather(listed.filter(pl.col("status") > 0)["status"]),
    )
    table = pl.concat([entry, registered, after], how="diagonal").filter(pl.col("known") < cal.END)
    table = table.sort("known", "event_key", "email", nulls_last=True)
    files.csv(
        "attendees/attendees.csv",
        table.with_columns(
            starts_on=pl.Series(cal.day_text(table["start"].to_numpy())),
            ends_on=pl.Series(cal.day_text(table["end"].to_numpy())),
            known_at=pl.Series(cal.second_text(table["known"].to_numpy())),
        ).select(COLUMNS),
        separator=";",
    )


def webinar_rows(lists: pl.DataFrame, fragments: Fragments) -> pl.DataFrame:
    """Webinar registrations and attendance as the webinar tool sends them."""
    own = lists.filter(pl.col("event_key").str.starts_with("webinar"), pl.col("status") > 0)
    keys = {k: fragments.add(f'"event_key":"{k}"') for k in own["event_key"].unique().sort()}
    detail = own["event_key"].replace_strict(keys, return_dtype=pl.Int64).to_numpy()
    person = own["person"].to_numpy()
    came = own["status"].to_numpy() == 2
    signed = np.maximum(own["registered"].to_numpy(), cal.START + 7 * cal.HOUR)
    return pl.concat(
        [
            rows(
                signed + person % 3_600_000, person, TEMPLATE["Webinar Registered"], detail=detail
            ),
            rows(
                own["start"].to_numpy()[came] + 12 * cal.HOUR + person[came] % 600_000,
                person[came],
                TEMPLATE["Webinar Attended"],
                detail=detail[came],
            ),
        ]
    )


COMMENTS = [
    "",
    "",
    "",
    "Très bon accompagnement",
    "Prise en main un peu longue",
    "Gain de temps réel",
]


def write_surveys(files: Files, seed: int, use: Use, book: Book, people: pl.DataFrame) -> int:
    """NPS twice a year to users of customers, CSAT after some tickets; scores follow health."""
    rng = stream(seed, "surveys")
    parts = []
    spans = use.spans
    for month in range(2, cal.N_MONTHS):
        first = cal.month_first(month)
        live = spans.filter(pl.col("start") < first, pl.col("end") > first)["customer"].to_numpy()
        wave = month % 3 == 2
        for customer in live.tolist():
            health = float(np.nan_to_num(book.health[customer, month]))
            for i, person in enumerate(use.users[customer].tolist()):
                if wave and rng.random() < 0.55:
                    score = int(np.clip(round(8.9 + 0.9 * health + rng.normal(0, 1.0)), 0, 10))
                    parts.append((customer, person, "nps", month, score))
                elif i == 0 and rng.random() < 0.05:
                    score = int(np.clip(round(4.2 + 0.4 * health + rng.normal(0, 0.6)), 1, 5))
                    parts.append((customer, person, "csat", month, score))
    table = pl.DataFrame(
        parts, schema=["customer", "person", "question_type", "month", "score"], orient="row"
    )
    at = cal.in_month(rng, table["month"].to_numpy())
    order = np.argsort(at, kind="stable")
    table, at = table[order], at[order]
    who = people.select("person", "vertical", "email", "user_id")[table["person"]]
    labels = pl.Series([cal.month_label(m) for m in range(cal.N_MONTHS)])
    out = pl.DataFrame(
        {
            "response_id": [f"r{i + 1:06d}" for i in range(table.height)],
            "survey": table["question_type"] + "-" + labels.gather(table["month"]),
            "question_type": table["question_type"],
            "vertical": who["vertical"],
            "email": who["email"],
            "user_id": who["user_id"],
            "score": table["score"].cast(pl.String),
            "comment": pl.Series(COMMENTS).gather(rng.integers(0, len(COMMENTS), table.height)),
            "answered_at": cal.second_text(at),
            "known_at": cal.second_text(at + 2 * cal.MINUTE),
        }
    )
    files.csv("surveys/surveys.csv", out, extra=csv_extra("surveys/surveys.csv"))
    return out.height


def month_slice(table: pl.DataFrame, month: int) -> pl.DataFrame:
    """Rows of one world month."""
    first, end = cal.month_first(month), cal.month_first(month + 1)
    return table.filter(pl.col("time") >= first, pl.col("time") < end)
