"""The CRM's incremental export: HubSpot objects, one line per object and modification.

Every line holds the whole object as it stood at its `updatedAt`. Contacts carry the lifecycle
entry times, deals the stage entry times and the contract; an expansion is one more deal, a
contraction replaces the base deal by a smaller one, and a churn sets `contract_end_date` on
every open deal of the customer. The customer's MRR on a day is the sum of `hs_mrr` over its
won deals with contract_start_date <= day < contract_end_date.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.contracts import Book
from sandbox.world.draws import stream
from sandbox.world.funnel import N_STAGES
from sandbox.world.plan import FUNNELS, VERTICALS
from sandbox.world.planted import crm_extra
from sandbox.world.writer import Files, escaped, iso_ms, json_object, quoted

DEAL_ID = 5_000_000_001
LOST_AFTER_DAYS = 35
#: The CRM was filled with all accounts a month before the start.
IMPORTED = cal.START - 30 * cal.DAY

OFFLINE_SOURCE = "OFFLINE"


def before_end(column: str) -> pl.Expr:
    """A time, or null when it has not come before the fixed end."""
    return pl.when(pl.col(column) < cal.END).then(pl.col(column))


def versions(table: pl.DataFrame, times: list[str]) -> pl.DataFrame:
    """One row per row and distinct time among `times` (nulls left out), with `updated`."""
    return (
        table.with_columns(updated=pl.concat_list(times))
        .explode("updated")
        .filter(pl.col("updated").is_not_null())
    )


def seen(column: str) -> pl.Expr:
    """The value of a time column as known at `updated`."""
    return pl.when(pl.col(column) <= pl.col("updated")).then(pl.col(column))


def association(column: str, label: str) -> pl.Expr:
    """HubSpot's association block with one object; null when there is none."""
    return pl.concat_str(
        pl.lit('{"results":[{"id":"'), pl.col(column), pl.lit(f'","type":"{label}"}}]}}')
    )


def envelope(object_type: str, properties: pl.Expr, associations: pl.Expr) -> pl.Expr:
    """The object around its properties."""
    return json_object(
        {
            "id": quoted("crm_id"),
            "objectType": pl.lit(f'"{object_type}"'),
            "properties": properties,
            "createdAt": iso_ms("created"),
            "updatedAt": iso_ms("updated"),
            "archived": pl.col("archived").replace_strict({True: "true", False: "false"}),
            "associations": associations,
        }
    )


def write_companies(
    files: Files, name: str, accounts: pl.DataFrame, units: pl.DataFrame, book: Book
) -> None:
    """Every account at the import, again at its first lead and when it becomes a customer."""
    key = pl.col("account").cast(accounts["account"].dtype)
    lead = units.select(key, lead_at=pl.max_horizontal("t0", pl.lit(IMPORTED + cal.DAY)))
    first = book.customers.select(key, customer_at="signed")
    table = accounts.join(lead, on="account", how="left").join(first, on="account", how="left")
    table = table.with_columns(
        created=pl.lit(IMPORTED) + pl.col("account").cast(pl.Int64) * 40, archived=pl.lit(False)
    )
    rows = versions(table, ["created", "lead_at", "customer_at"]).sort("updated", "crm_id")
    properties = json_object(
        {
            "name": quoted(escaped("name")),
            "domain": quoted("domain"),
            "vertical": quoted("vertical"),
            "account_type": quoted("account_type"),
            "siren": quoted("siren"),
            "insee_code": quoted("insee_code"),
            "population": quoted(pl.col("population").cast(pl.String)),
            "numberofemployees": quoted(pl.col("employees").cast(pl.String)),
            "practitioners": quoted(pl.col("practitioners").cast(pl.String)),
            "country": quoted("country"),
            "city": quoted(escaped("city")),
            "zip": quoted("postal_code"),
            "departement_code": quoted("departement_code"),
            "region_code": quoted("region_code"),
            "lifecyclestage": pl.when(seen("customer_at").is_not_null())
            .then(pl.lit('"customer"'))
            .when(seen("lead_at").is_not_null())
            .then(pl.lit('"lead"')),
            "hs_lastmodifieddate": iso_ms("updated"),
        }
    )
    lines = rows.select(envelope("companies", properties, pl.lit(None, pl.String))).to_series()
    files.ndjson(name, lines, crm_extra("companies"))


def build_deals(seed: int, units: pl.DataFrame, book: Book) -> pl.DataFrame:
    """All deals, wide: times s0..s5 of the pipeline's stages, lost, contract, MRR.

    Columns: crm_id, vertical, account, person, pipeline, kind, s0..s5, start, end, mrr, currency.
    """
    rng = stream(seed, "deals")
    opened = []
    for vertical in VERTICALS:
        funnel = FUNNELS[vertical]
        own = units.filter(pl.col("vertical") == vertical)
        first = funnel.contact_stages
        if vertical == "medical":
            # demo_booked at the SQL date's next days, proposal between trial and signature.
            own = own.with_columns(
                s0=pl.Series(_between(rng, own["t2"].to_numpy(), own["t3"].to_numpy(), 3.0)),
                s1="t3",
                s2="t4",
                s3=pl.Series(_middle(rng, own["t4"].to_numpy(), own["t5"].to_numpy())),
                s4="t5",
            )
        else:
            own = own.with_columns(
                s0=pl.Series(_between(rng, own["t1"].to_numpy(), own["t2"].to_numpy(), 4.0)),
                s1="t2",
                s2="t3",
                s3="t4",
                s4="t5",
            )
        own = own.filter(pl.col("depth") >= first - 1, pl.col("s0") < cal.END)
        opened.append(own)
    units_with_deal = pl.concat(opened)
    last = units_with_deal.select(
        pl.max_horizontal(
            *[pl.when(pl.col(f"s{k}") < cal.NEVER).then(pl.col(f"s{k}")) for k in range(5)]
        )
    ).to_series()
    lost = cal.after(rng, last.to_numpy(), LOST_AFTER_DAYS, 0.5)
    table = units_with_deal.select(
        "unit",
        "vertical",
        "account",
        person="unit",
        kind=pl.lit("new"),
        **{f"s{k}": pl.col(f"s{k}") for k in range(5)},
        s5=pl.when(pl.col("depth") < N_STAGES - 1)
        .then(pl.Series(lost))
        .otherwise(pl.lit(cal.NEVER)),
        expected=pl.Series(rng.integers(25, 80, units_with_deal.height) * 10),
    ).with_columns(**{f"s{k}": before_end(f"s{k}") for k in range(6)})
    signed = _contract_deals(book)
    first = signed.filter(pl.col("kind") == "new").select(
        "account", "mrr", "start", "end", "currency"
    )
    table = table.join(first, on="account", how="left").with_columns(
        pl.when(pl.col("s4").is_not_null()).then(pl.col("mrr")).alias("mrr")
    )
    later = signed.filter(pl.col("kind") != "new").with_columns(
        s4="start",
        s3=pl.when(pl.col("kind") != "contraction").then(
            pl.col("start") - cal.DAY * (3 + pl.col("account") % 9)
        ),
    )
    later = later.join(
        table.select("account", "unit", "person").unique("account", keep="first"), on="account"
    )
    deals = pl.concat([table, later], how="diagonal")
    live = _onboarding(
        rng, table.filter(pl.col("vertical") == "public", pl.col("s4").is_not_null())
    )
    deals = pl.concat([deals, live], how="diagonal").with_columns(
        created=pl.min_horizontal(*[f"s{k}" for k in range(6)]),
        currency=pl.col("currency").fill_null("EUR"),
    )
    return (
        deals.sort("created", "account", "kind")
        .with_row_index("deal")
        .with_columns(crm_id=(pl.col("deal").cast(pl.Int64) + DEAL_ID).cast(pl.String))
    )


def _between(
    rng: np.random.Generator, low: np.ndarray, high: np.ndarray, days: float
) -> np.ndarray:
    """A working time after `low`, at most three hours before `high` where that comes."""
    return np.minimum(
        cal.after(rng, low, days, 0.4), np.where(high == cal.NEVER, high, high - 3 * cal.HOUR)
    )


def _middle(rng: np.random.Generator, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A time between two stages; for half of those that stop at the first, a few days later."""
    stop = (high == cal.NEVER) & (low < cal.NEVER) & (rng.random(len(low)) < 0.45)
    known = np.where(high == cal.NEVER, 0, high) // 2 + np.where(low == cal.NEVER, 0, low) // 2
    later = cal.after(rng, np.where(stop, low, cal.NEVER), 12.0, 0.4)
    return np.where(high < cal.NEVER, known, later)


def _contract_deals(book: Book) -> pl.DataFrame:
    """One row per signed contract deal: account, kind, start, end, mrr, currency."""
    changes = book.changes.join(
        book.customers.select("customer", "account", "vertical", "currency"), on="customer"
    ).sort("customer", "time")
    churn = changes.filter(pl.col("kind") == "churn").select("customer", gone="time")
    opened = changes.filter(pl.col("kind") != "churn")
    # The base deal's MRR falls by each contraction; expansions are deals of their own.
    base = opened.filter(pl.col("kind") != "expansion").with_columns(
        episode=(pl.col("kind") != "contraction").cum_sum().over("customer")
    )
    base = base.with_columns(
        mrr=pl.col("delta").cum_sum().over("customer", "episode"),
        replaced=pl.col("time").shift(-1).over("customer", "episode"),
    )
    grown = opened.filter(pl.col("kind") == "expansion").with_columns(
        mrr=pl.col("delta"), replaced=pl.lit(None, pl.Int64)
    )
    columns = ["customer", "account", "vertical", "currency", "kind", "time", "mrr", "replaced"]
    table = pl.concat([base.select(columns), grown.select(columns)]).sort("time", "customer")
    table = table.join_asof(
        churn.sort("gone").with_columns(time=pl.col("gone")),
        on="time",
        by="customer",
        strategy="forward",
        check_sortedness=False,
    )
    return table.select(
        "account",
        "vertical",
        "currency",
        "kind",
        start="time",
        end=pl.min_horizontal("replaced", "gone"),
        mrr="mrr",
    )


def _onboarding(rng: np.random.Generator, won: pl.DataFrame) -> pl.DataFrame:
    """The public vertical's onboarding deals: kick-off, then live some weeks later."""
    signed = won["s4"].to_numpy()
    kickoff = cal.after(rng, signed, 7.0, 0.4)
    live = cal.after(rng, kickoff, 35.0, 0.4)
    return (
        won.select("unit", "vertical", "account", "person", kind=pl.lit("onboarding"))
        .with_columns(s0=pl.Series(kickoff), s1=pl.Series(live))
        .with_columns(s0=before_end("s0"), s1=before_end("s1"))
        .filter(pl.col("s0").is_not_null())
    )


def write_deals(
    files: Files,
    name: str,
    deals: pl.DataFrame,
    accounts: pl.DataFrame,
    people: pl.DataFrame | None,
) -> None:
    """Every deal at each of its stage changes and at its contract's end."""
    parts = []
    for vertical in VERTICALS:
        funnel = FUNNELS[vertical]
        own = deals.filter(pl.col("vertical") == vertical)
        sales = own.filter(pl.col("kind") != "onboarding")
        parts.append(_deal_lines(sales, funnel.pipeline, funnel.deal_stages, accounts, people))
        onboarding = own.filter(pl.col("kind") == "onboarding")
        if onboarding.height:
            stages = ["kickoff", "go_live"]
            parts.append(
                _deal_lines(onboarding, f"{vertical}_onboarding", stages, accounts, people)
            )
    lines = pl.concat(parts).sort("updated", "crm_id", maintain_order=True)
    files.ndjson(name, lines["line"], crm_extra("deals"))


def _deal_lines(
    deals: pl.DataFrame,
    pipeline: str,
    stages: list[str],
    accounts: pl.DataFrame,
    people: pl.DataFrame | None,
) -> pl.DataFrame:
    times = [f"s{k}" for k in range(len(stages))]
    table = deals.with_columns(
        company_id=accounts["crm_id"].gather(deals["account"]),
        company_name=accounts["name"].gather(deals["account"]),
        contact_id=people["crm_id"].gather(deals["person"])
        if people is not None
        else pl.lit(None, pl.String),
        owner_id=people["owner_id"].gather(deals["person"])
        if people is not None
        else pl.lit("70000000"),
        archived=pl.lit(False),
    )
    rows = versions(table, [*times, "end"]).unique(
        ["crm_id", "updated"], keep="first", maintain_order=True
    )
    known = {t: seen(t) for t in times}
    stage = pl.coalesce(
        *[
            pl.when(known[t].is_not_null()).then(pl.lit(f'"{s}"'))
            for t, s in reversed(list(zip(times, stages, strict=True)))
        ]
    )
    sales = len(stages) == N_STAGES
    won = seen("s4").is_not_null() if sales else pl.lit(False)
    closed = pl.coalesce(seen("s5"), seen("s4")) if sales else pl.lit(None, pl.Int64)
    value = pl.col("mrr") if sales else pl.lit(None, pl.Int64)
    expected = pl.coalesce(pl.when(won).then(value), pl.col("expected")) if sales else value
    rows = rows.with_columns(
        closed=closed,
        start_shown=pl.when(won).then(pl.col("start")),
        end_shown=seen("end"),
        value=pl.when(won).then(value),
        amount=expected * 12,
        **{f"{t}_shown": known[t] for t in times},
    )
    properties = json_object(
        {
            "dealname": quoted(
                pl.concat_str(escaped("company_name"), pl.lit(" - "), pl.col("kind"))
            ),
            "pipeline": pl.lit(f'"{pipeline}"'),
            "dealstage": stage,
            "dealtype": pl.when(pl.col("kind").is_in(["new", "onboarding"]))
            .then(pl.lit('"newbusiness"'))
            .otherwise(pl.lit('"existingbusiness"')),
            "amount": quoted(pl.col("amount").cast(pl.String)),
            "hs_mrr": quoted(pl.concat_str(pl.col("value").cast(pl.String), pl.lit(".00"))),
            "deal_currency_code": quoted("currency"),
            "closedate": iso_ms("closed"),
            "contract_start_date": quoted(_day("start_shown")),
            "contract_end_date": quoted(_day("end_shown")),
            "hubspot_owner_id": quoted("owner_id"),
            "vertical": quoted("vertical"),
            "createdate": iso_ms("created"),
            "hs_lastmodifieddate": iso_ms("updated"),
            **{
                f"hs_v2_date_entered_{s}": iso_ms(f"{t}_shown")
                for t, s in zip(times, stages, strict=True)
            },
        }
    )
    associations = json_object(
        {
            "companies": association("company_id", "deal_to_company"),
            "contacts": association("contact_id", "deal_to_contact"),
        }
    )
    return rows.select("updated", "crm_id", line=envelope("deals", properties, associations))


def _day(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="ms").dt.strftime("%Y-%m-%d")
