"""Event rows and their Segment messages.

Every subject (web, mail, product) makes plain numeric rows; `transit` adds what happens on the
way to them, and the `Renderer` here turns them into messages by looking texts up.

Row columns: time, person (-1 unknown), device (-1 none), template (index into TEMPLATES), page
(-1), source (-1; first page of a session), detail (index into the property fragments, -1), send
(-1; number of the mail), agent (-1: the device's), known (the person's user id is sent), session
(-1), actor (index into ACTORS).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.content import HOSTS
from sandbox.world.devices import AGENTS, LOCALES, Devices
from sandbox.world.draws import Ints
from sandbox.world.writer import escaped

ACTORS = ["human", "prefetch", "gateway", "bot"]
HUMAN, PREFETCH, GATEWAY, BOT = range(4)

#: (type, event or name, library): index = `template`.
TEMPLATES: list[tuple[str, str]] = [
    ("page", ""),
    ("identify", ""),
    ("group", ""),
    ("alias", ""),
    *[
        ("track", name)
        for name in (
            "Form Submitted",
            "Demo Requested",
            "Demo Booked",
            "Pricing Viewed",
            "ROI Calculator Used",
            "Security Document Viewed",
            "White Paper Downloaded",
            "Case Study Viewed",
            "Webinar Registered",
            "Webinar Attended",
            "Video Watched",
            "Guide Downloaded",
            "Tender Template Downloaded",
            "Email Delivered",
            "Email Opened",
            "Email Clicked",
            "Email Bounced",
            "Email Unsubscribed",
            "Email Complained",
            "Trial Started",
            "Signed In",
            "Feature Used",
            "Support Ticket Opened",
            "Check-in Held",
            "Training Completed",
            "Referral Given",
            "Review Published",
            "Reference Given",
        )
    ],
    ("screen", "Today"),
    ("screen", "Case File"),
]
TEMPLATE = {name or kind: i for i, (kind, name) in enumerate(TEMPLATES)}
IDENTIFY, GROUP, ALIAS = TEMPLATE["identify"], TEMPLATE["group"], TEMPLATE["alias"]

COLUMNS = [
    "time",
    "person",
    "device",
    "template",
    "page",
    "source",
    "detail",
    "send",
    "agent",
    "known",
    "session",
    "actor",
]
DEFAULTS = {
    "device": -1,
    "page": -1,
    "source": -1,
    "detail": -1,
    "send": -1,
    "agent": -1,
    "known": 1,
    "session": -1,
    "actor": HUMAN,
}


def rows(time: Ints, person: Ints, template: Ints | int, **others: Ints | int) -> pl.DataFrame:
    """Event rows; columns not given take their defaults, single numbers are repeated."""
    n = len(time)
    values = {**DEFAULTS, "time": time, "person": person, "template": template, **others}
    return pl.DataFrame(
        {
            c: np.ascontiguousarray(np.broadcast_to(np.asarray(values[c], dtype=np.int64), n))
            for c in COLUMNS
        }
    )


@dataclass
class Fragments:
    """The texts that rows point to, by index."""

    details: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def add(self, members: str) -> int:
        """The index of a property fragment: JSON members without braces."""
        if members not in self.index:
            self.index[members] = len(self.details)
            self.details.append(members)
        return self.index[members]


class Lookup:
    """Texts by index; -1 is the empty text."""

    def __init__(self, texts: pl.Series | list[str], before: str = "", after: str = "") -> None:
        column = pl.Series("text", texts, dtype=pl.String).to_frame()
        wrapped = column.select(
            pl.concat_str(pl.lit(before), "text", pl.lit(after)).fill_null("")
        ).to_series()
        self.texts = pl.concat([pl.Series("text", [""]), wrapped], rechunk=True)

    def __call__(self, index: Ints, mask: np.ndarray | None = None) -> pl.Series:
        """The texts of `index`; empty where it is -1 or the mask is false."""
        wanted = index + 1 if mask is None else np.where(mask, index + 1, 0)
        return self.texts.gather(wanted)


def flag(mask: np.ndarray, text: str) -> pl.Series:
    """`text` where the mask holds, else nothing."""
    return pl.Series(["", text]).gather(mask.astype(np.int64))


class Renderer:
    """Turns rows into messages by look-up tables made once per world."""

    def __init__(
        self,
        devices: Devices,
        people: pl.DataFrame,
        pages: pl.DataFrame,
        fragments: Fragments,
    ) -> None:
        self.devices = devices
        self.fragments = fragments
        self.no_user = people["user_id"].is_null().to_numpy()
        names = people.select(
            pl.concat_str(
                pl.lit(',"traits":{"email":"'),
                "email",
                pl.lit('","firstName":"'),
                "first_name",
                pl.lit('","lastName":"'),
                "last_name",
                pl.lit('"}'),
            )
        ).to_series()
        path, home = page_fragments(pages)
        self.head = Lookup([_head(kind, name) for kind, name in TEMPLATES])
        self.user = Lookup(people["user_id"], ',"userId":"', '"')
        self.group = Lookup(people["company_crm_id"], ',"groupId":"', '"')
        self.traits = Lookup(names)
        self.mail_anonymous = Lookup(people["email"], ',"anonymousId":"mail-', '"')
        self.mail_traits = Lookup(people["email"], ',"traits":{"email":"', '"}')
        self.anonymous = Lookup(devices.anonymous_id, ',"anonymousId":"', '"')
        self.previous = Lookup(devices.anonymous_id, ',"previousId":"', '"')
        self.ip = Lookup(devices.ip, ',"ip":"', '"')
        self.agent = Lookup(AGENTS, ',"userAgent":"', '"')
        self.locale = Lookup(LOCALES, ',"locale":"', '"')
        self.library = Lookup(
            [
                '"library":{"name":"analytics.js","version":"1.70.0"}',
                '"library":{"name":"mail-tool","version":"3"}',
            ]
        )
        self.page = Lookup(path)
        self.home = Lookup(home)
        self.kind = np.array([kind for kind, _ in TEMPLATES])

    def set_sources(self, sources: list[tuple[str, str, str]]) -> None:
        """Take (query, referrer, campaign member) per source; mailings are added every month."""
        self.query = Lookup([q for q, _, _ in sources])
        self.referrer = Lookup([r for _, r, _ in sources])
        self.campaign = Lookup([c for _, _, c in sources])

    def messages(self, table: pl.DataFrame) -> pl.Series:
        """One JSON text per row (rows plus message_id, received, sent, original)."""
        column = {c: table[c].to_numpy() for c in COLUMNS}
        template, person, device = column["template"], column["person"], column["device"]
        page, source, send = column["page"], column["source"], column["send"]
        kind = self.kind[template]
        known = (column["known"] == 1) & (person >= 0)
        real = np.where(device >= 0, self.devices.shared[device.clip(0)], -1)
        agent = np.where(device >= 0, self.devices.agent[device.clip(0)], -1)
        agent = np.where(column["agent"] >= 0, column["agent"], agent)
        # Who has no user id is named by the mail tool's own anonymous id and the address.
        by_mail = known & (device < 0) & self.no_user[np.where(known, person, 0)]
        properties = np.isin(kind, ["track", "page", "screen"])
        has_page = page >= 0
        details = Lookup(self.fragments.details)
        pieces = [
            self.head(template),
            table["message_id"],
            flag(template >= 0, '"'),
            self.user(person, known),
            self.anonymous(real, kind != "alias"),
            self.mail_anonymous(person, by_mail),
            self.group(person, kind == "group"),
            self.previous(real, kind == "alias"),
            _times(table),
            self.traits(person, (kind == "identify") & (person >= 0)),
            flag(properties, ',"properties":{'),
            details(column["detail"]),
            _send_text(send),
            flag(properties, "}"),
            flag(template >= 0, ',"context":{'),
            self.library((send >= 0).astype(np.int64)),
            self.locale(device % len(LOCALES), device >= 0),
            self.agent(agent),
            self.ip(real),
            self.mail_traits(person, by_mail),
            self.page(page),
            self.query(source, has_page),
            flag(has_page, '","referrer":"'),
            self.referrer(source, has_page),
            self.home(page, has_page & (source < 0)),
            flag(has_page, '"}'),
            self.campaign(source, has_page),
            flag(template >= 0, "}}"),
        ]
        frame = pl.DataFrame({f"p{i}": piece for i, piece in enumerate(pieces)})
        return frame.select(pl.concat_str(pl.all())).to_series()


def _send_text(send: Ints) -> pl.Series:
    """The send_id property of mail rows, after their other properties."""
    return (
        pl.DataFrame({"send": send})
        .select(
            pl.when(pl.col("send") >= 0)
            .then(
                pl.concat_str(pl.lit(',"send_id":"s'), pl.col("send").cast(pl.String), pl.lit('"'))
            )
            .otherwise(pl.lit(""))
        )
        .to_series()
    )


def _head(kind: str, name: str) -> str:
    if kind == "track":
        return f'{{"type":"track","event":"{name}","messageId":"'
    if kind == "screen":
        return f'{{"type":"screen","name":"{name}","messageId":"'
    return f'{{"type":"{kind}","messageId":"'


def _times(table: pl.DataFrame) -> pl.Series:
    """timestamp (or originalTimestamp and sentAt), sentAt and receivedAt members."""
    skewed = pl.col("original") != cal.NEVER
    table = table.select(
        shown=pl.when(skewed).then("original").otherwise("time"),
        sent="sent",
        received="received",
        skewed=skewed,
    )
    texts = {c: time_text(table[c].to_numpy()) for c in ("shown", "sent", "received")}
    return (
        pl.DataFrame({**texts, "skewed": table["skewed"]})
        .select(
            pl.concat_str(
                pl.when("skewed")
                .then(pl.lit(',"originalTimestamp":"'))
                .otherwise(pl.lit(',"timestamp":"')),
                "shown",
                pl.lit('","sentAt":"'),
                "sent",
                pl.lit('","receivedAt":"'),
                "received",
                pl.lit('"'),
            )
        )
        .to_series()
    )


_CLOCK: dict[str, pl.Series] = {}


def time_text(times: Ints) -> pl.Series:
    """ISO times with milliseconds, put together from tables of days, seconds and milliseconds."""
    if not _CLOCK:
        seconds = np.datetime_as_string(np.arange(0, 86_400).astype("datetime64[s]"))
        _CLOCK["second"] = pl.Series([s[10:] + "." for s in seconds])
        _CLOCK["ms"] = pl.Series([f"{i:03d}Z" for i in range(1000)])
    first = int(times.min()) // cal.DAY if len(times) else 0
    last = int(times.max()) // cal.DAY if len(times) else 0
    days = pl.Series(np.datetime_as_string(np.arange(first, last + 1).astype("datetime64[D]")))
    return (
        pl.DataFrame(
            {
                "d": days.gather(times // cal.DAY - first),
                "s": _CLOCK["second"].gather(times % cal.DAY // cal.SECOND),
                "m": _CLOCK["ms"].gather(times % cal.SECOND),
            }
        )
        .select(pl.concat_str(pl.all()))
        .to_series()
    )


def page_fragments(pages: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """context.page members up to the URL's end, and the referrer of inner pages."""
    host = pl.col("vertical").replace_strict(HOSTS)
    table = pages.select(
        text=pl.concat_str(
            pl.lit(',"page":{"path":"'),
            "path",
            pl.lit('","title":"'),
            escaped("title"),
            pl.lit('","url":"https://'),
            host,
            "path",
        ),
        home=pl.concat_str(pl.lit("https://"), host, pl.lit("/")),
    )
    return table["text"], table["home"]
