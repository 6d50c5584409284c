"""What the old mail tool hands over: contacts, suppressions and consent decisions.

Contacts were exported once before the start. Suppressions and consents hold the old tool's
history and what the world's unsubscribes, bounces and complaints add; every purpose, channel,
status, legal basis and source occurs, also repeated and contradicting decisions.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import choose, stream
from sandbox.world.mail import MailState
from sandbox.world.planted import csv_extra
from sandbox.world.writer import Files

MIGRATED = cal.START - 10 * cal.DAY
EXTERNAL_ID = pl.format("old-{}", pl.int_range(1, pl.len() + 1))
OLD_SHARE = 0.22  # of CRM contacts were in the old tool already
PURPOSES = ["newsletter", "product_updates", "events", "profiling", "sms_reminders"]
BASES = ["consent", "legitimate_interest", "soft_opt_in", "contract"]
ORIGINS = ["form", "double_opt_in", "import", "congress_booth", "preference_page", "phone"]


def write_privacy(
    files: Files, seed: int, people: pl.DataFrame, state: MailState
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write the three kinds.

    Returns the true decisions (person, purpose, channel, status, at) and the old tool's ids
    (person, external_id).
    """
    rng = stream(seed, "privacy")
    old = np.sort(rng.permutation(people.height)[: int(people.height * OLD_SHARE)])
    _write_contacts(files, rng, people[old])
    _write_suppressions(files, rng, people, old, state)
    ids = people[old].select("person", external_id=EXTERNAL_ID)
    return _write_consents(files, rng, people, old, state), ids


def _write_contacts(files: Files, rng: np.random.Generator, own: pl.DataFrame) -> None:
    n = own.height
    created = MIGRATED - rng.integers(20, 1_500, n) * cal.DAY
    # The old tool wrote some addresses in capitals or with spaces around them.
    shape = pl.Series(rng.integers(0, 10, n))
    email = (
        pl.when(shape == 0)
        .then(pl.col("email").str.to_uppercase())
        .when(shape == 1)
        .then(pl.concat_str(pl.lit(" "), "email"))
        .otherwise("email")
    )
    # Phones as people write them: national with spaces, 00 for the +.
    national = pl.concat_str(pl.lit("0"), pl.col("phone").str.slice(3)).str.replace_all(
        r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", "$1 $2 $3 $4 $5"
    )
    phone = (
        pl.when(shape < 3)
        .then(national)
        .when(shape == 3)
        .then(pl.col("phone").str.replace("+", "00", literal=True))
        .otherwise("phone")
    )
    files.csv(
        "contacts/old-tool-contacts.csv",
        own.select(
            external_id=EXTERNAL_ID,
            email=email,
            phone=phone,
            first_name="first_name",
            last_name="last_name",
            organisation="organisation",
            job_title="job_title",
            vertical="vertical",
            country=pl.lit("FR"),
            language="language",
            created_at=pl.Series(cal.second_text(created)),
            known_at=pl.lit(str(cal.second_text(np.array([MIGRATED]))[0])),
        ),
    )


def _write_suppressions(
    files: Files, rng: np.random.Generator, people: pl.DataFrame, old: np.ndarray, state: MailState
) -> None:
    def block(
        person: np.ndarray, at: np.ndarray, channel: str, reason: str, by_phone: bool = False
    ):
        column = "phone" if by_phone else "email"
        return pl.DataFrame(
            {
                "email": people["email"].gather(person) if not by_phone else [None] * len(person),
                "phone": people["phone"].gather(person) if by_phone else [None] * len(person),
                "channel": [channel] * len(person),
                "reason": [reason] * len(person),
                "at": at,
            },
            schema_overrides={"email": pl.String, "phone": pl.String},
        ).filter(pl.col(column).is_not_null())

    def some(share: float) -> np.ndarray:
        return old[rng.random(len(old)) < share]

    def past(n: int) -> np.ndarray:
        return MIGRATED - rng.integers(5, 900, n) * cal.DAY + 9 * cal.HOUR

    parts = []
    for channel, reason, share in [
        ("email", "unsubscribed", 0.02),
        ("email", "hard_bounce", 0.012),
        ("email", "complaint", 0.003),
        ("all", "objection", 0.004),
        ("push", "unsubscribed", 0.003),
    ]:
        person = some(share)
        parts.append(block(person, past(len(person)), channel, reason))
    person = some(0.015)
    parts.append(block(person, past(len(person)), "sms", "stop", by_phone=True))
    for times, reason in [(state.bounced_at, "hard_bounce"), (state.complained_at, "complaint")]:
        person = np.flatnonzero(times < cal.END - cal.HOUR)
        parts.append(block(person, times[person] + 5_000, "email", reason))
    table = pl.concat(parts).sort("at", "email", "phone", "channel", nulls_last=True)
    at = table["at"].to_numpy()
    files.csv(
        "suppressions/suppressions.csv",
        table.select(
            "email",
            "phone",
            "channel",
            "reason",
            suppressed_at=pl.Series(cal.second_text(at)),
            known_at=pl.Series(cal.second_text(np.maximum(at + 5_000, MIGRATED))),
        ),
    )


def _write_consents(
    files: Files, rng: np.random.Generator, people: pl.DataFrame, old: np.ndarray, state: MailState
) -> pl.DataFrame:
    created = people["created"].to_numpy()
    n = people.height
    parts = []

    def decide(
        person: np.ndarray, purpose: str, channel: str, status: str, at: np.ndarray, basis, origin
    ) -> None:
        parts.append(
            pl.DataFrame(
                {
                    "person": person,
                    "purpose": [purpose] * len(person),
                    "channel": [channel] * len(person),
                    "status": [status] * len(person),
                    "legal_basis": basis,
                    "source": origin,
                    "at": at,
                }
            )
        )

    def draw(values: list[str], weights: list[float], size: int) -> pl.Series:
        return pl.Series(values).gather(choose(rng, weights, size))

    for purpose, channel, share in [
        ("newsletter", "email", 0.62),
        ("product_updates", "email", 0.35),
        ("events", "email", 0.3),
        ("profiling", "all", 0.12),
        ("sms_reminders", "sms", 0.08),
        ("product_updates", "push", 0.04),
    ]:
        person = np.flatnonzero(rng.random(n) < share)
        size = len(person)
        at = created[person] + rng.integers(1_000, 5 * cal.MINUTE, size)
        given = rng.random(size) < 0.93
        basis = draw(BASES, [0.6, 0.22, 0.12, 0.06], size)
        origin = draw(ORIGINS, [0.4, 0.25, 0.12, 0.1, 0.08, 0.05], size)
        for flag, status in ((given, "granted"), (~given, "withdrawn")):
            rows = pl.Series(flag)
            decide(
                person[flag],
                purpose,
                channel,
                status,
                at[flag],
                basis.filter(rows),
                origin.filter(rows),
            )
        # Some change their mind later, a few of them twice.
        back = person[given & (rng.random(size) < 0.03)]
        later = created[back] + rng.integers(20, 300, len(back)) * cal.DAY
        page = pl.Series(["preference_page"] * len(back))
        decide(back, purpose, channel, "withdrawn", later, pl.Series(["consent"] * len(back)), page)
        again = back[::5]
        decide(
            again,
            purpose,
            channel,
            "granted",
            later[::5] + 15 * cal.DAY,
            pl.Series(["consent"] * len(again)),
            pl.Series(["double_opt_in"] * len(again)),
        )
    person = old
    past = MIGRATED - rng.integers(30, 1_000, len(old)) * cal.DAY + 10 * cal.HOUR
    decide(
        person,
        "newsletter",
        "email",
        "granted",
        past,
        draw(BASES, [0.5, 0.3, 0.2, 0], len(old)),
        pl.Series(["import"] * len(old)),
    )
    left = np.flatnonzero(state.optout_at < cal.END - cal.HOUR)
    decide(
        left,
        "newsletter",
        "email",
        "withdrawn",
        state.optout_at[left],
        pl.Series(["consent"] * len(left)),
        pl.Series(["one_click"] * len(left)),
    )
    table = pl.concat(parts).filter(pl.col("at") < cal.END - cal.HOUR)
    table = table.sort("at", "person", "purpose", "channel")
    by_phone = table["channel"].to_numpy() == "sms"
    phone = people["phone"].gather(table["person"])
    use_phone = pl.Series(by_phone) & phone.is_not_null()
    at = table["at"].to_numpy()
    out = table.with_columns(
        email=people["email"].gather(table["person"]), phone=phone, use_phone=use_phone
    )
    version = pl.concat_str(
        pl.lit("v"), (1 + (pl.col("at") > cal.month_first(9)).cast(pl.Int64)).cast(pl.String)
    )
    files.csv(
        "consents/consents.csv",
        out.select(
            email=pl.when(~pl.col("use_phone")).then("email"),
            phone=pl.when("use_phone").then("phone"),
            purpose="purpose",
            channel="channel",
            status="status",
            legal_basis="legal_basis",
            source="source",
            text_version=version,
            decided_at=pl.Series(cal.second_text(at)),
            known_at=pl.Series(cal.second_text(np.maximum(at + 3_000, MIGRATED))),
        ),
        extra=csv_extra("consents/consents.csv"),
    )
    return table
