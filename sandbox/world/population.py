"""Who lives in the world: accounts (real collectivités, invented medical ones) and people.

Tables (Polars, row number = index used everywhere else):

- accounts: crm_id, vertical, account_type, name, domain, siren, insee_code, population,
  employees, practitioners (medical), city, postal_code, departement_code, region_code, country,
  gateway (a mail security gateway clicks on everything), lead_weight.
- people: person, account (row), vertical, kind (lead, stakeholder, subscriber), role, job_title,
  first_name, last_name, age, email, phone, user_id, crm_id, language, city, prefetch (their mail
  program opens by itself), affinity (how often they react to mail).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from sandbox.world.draws import Ints, choose, choose_by_row, stream
from sandbox.world.names import (
    FIRST_NAMES,
    JOB_TITLES,
    LAST_NAMES,
    MEDICAL_TYPES,
    PRACTITIONERS,
    ROLE_NAMES,
    ROLES,
)

REFERENCE = Path(__file__).parents[2] / "data/reference/collectivites.csv.gz"

COMPANY_ID = 9_000_000_001
CONTACT_ID = 100_001
USER_ID = pl.format("usr_{}", pl.col("person") + 10_000)

#: Population class weights for public leads: [0, 5,000), [5,000, 50,000), [50,000, ...).
CLASS_WEIGHT = [1.0, 7.0, 10.0]
LEVEL_WEIGHT = {"commune": 1.0, "epci": 5.0, "departement": 20.0, "region": 25.0}
#: Numbers kept by the French regulator for fiction: six ranges of 10,000.
PHONE_PREFIX = ["+3319900", "+3326191", "+3335301", "+3346571", "+3353649", "+3363998"]


def slug(column: pl.Expr) -> pl.Expr:
    """Lower-case ASCII letters, digits and hyphens."""
    return (
        column.str.normalize("NFKD")
        .str.replace_all(r"[^\x00-\x7F]+", "")
        .str.to_lowercase()
        .str.replace_all(r"[^a-z0-9]+", "-")
        .str.strip_chars("-")
    )


def read_reference(path: Path = REFERENCE) -> pl.DataFrame:
    """The tracked file of French collectivités, all codes as text."""
    return pl.read_csv(path, infer_schema=False).with_columns(pl.col("population").cast(pl.Int64))


def accounts(seed: int, reference: Path = REFERENCE) -> pl.DataFrame:
    """All accounts: every collectivité of the reference file, then the medical ones."""
    rng = stream(seed, "accounts")
    public = _public(read_reference(reference))
    medical = _medical(rng, public)
    table = pl.concat([public, medical], how="diagonal").with_row_index("account")
    large = pl.col("account_type").is_in(["public_hospital", "departement", "region"]) | (
        pl.col("population") >= 50_000
    )
    chance = pl.when(large).then(0.6).otherwise(0.06)
    return table.with_columns(
        crm_id=(pl.col("account").cast(pl.Int64) + COMPANY_ID).cast(pl.String),
        country=pl.lit("FR"),
        gateway=pl.Series(rng.random(table.height)) < chance,
    )


def _public(reference: pl.DataFrame) -> pl.DataFrame:
    people = pl.col("population").fill_null(0)
    weight = (
        pl.when(people == 0)
        .then(1e-6)
        .when(people < 5_000)
        .then(CLASS_WEIGHT[0])
        .when(people < 50_000)
        .then(CLASS_WEIGHT[1])
        .otherwise(CLASS_WEIGHT[2])
    )
    level_weight = pl.col("level").replace_strict(LEVEL_WEIGHT)
    commune = pl.col("level") == "commune"
    return reference.select(
        vertical=pl.lit("public"),
        account_type="level",
        name=pl.when(commune)
        .then(pl.format("Commune de {}", "name"))
        .when(pl.col("level") == "departement")
        .then(pl.format("Département {}", "name"))
        .when(pl.col("level") == "region")
        .then(pl.format("Région {}", "name"))
        .otherwise("name"),
        domain=pl.format(
            "{}-{}{}.example", slug(pl.col("name")), pl.col("level").str.head(1), "code"
        ),
        siren="siren",
        insee_code=pl.when(commune).then("code"),
        population="population",
        employees=(people * 0.012).cast(pl.Int64) + 2,
        city=pl.when(commune).then("name"),
        departement_code="departement_code",
        region_code="region_code",
        lead_weight=pl.when(commune).then(weight).otherwise(level_weight),
    )


def _medical(rng: np.random.Generator, public: pl.DataFrame) -> pl.DataFrame:
    towns = public.filter(pl.col("account_type") == "commune", pl.col("population") >= 5_000)
    parts = []
    for kind, (number, prefix, _, low, high) in MEDICAL_TYPES.items():
        town = choose(rng, towns["population"].to_numpy() ** 0.8, number)
        name = pl.Series(LAST_NAMES).gather(rng.integers(0, len(LAST_NAMES), number))
        where = towns["city"].gather(town)
        label = name if kind == "solo_practice" else where
        parts.append(
            pl.DataFrame(
                {
                    "vertical": pl.repeat("medical", number, eager=True),
                    "account_type": pl.repeat(kind, number, eager=True),
                    "label": label,
                    "city": where,
                    "employees": rng.integers(low, high + 1, number),
                    "practitioners": rng.integers(*PRACTITIONERS[kind], number),
                    "departement_code": towns["departement_code"].gather(town),
                    "region_code": towns["region_code"].gather(town),
                    "number": np.arange(number),
                    "lead_weight": np.ones(number),
                }
            ).with_columns(name=pl.format(prefix + " {}", "label"))
        )
    table = pl.concat(parts)
    kind = pl.col("account_type").str.head(1)
    return table.with_columns(
        domain=pl.format("{}-{}{}.example", slug(pl.col("name")), kind, "number"),
        postal_code=pl.col("departement_code").str.slice(0, 2)
        + pl.Series(rng.integers(100, 999, table.height)).cast(pl.String),
    ).drop("label", "number")


def lead_roles(rng: np.random.Generator, account_type: pl.Series) -> Ints:
    """Index into ROLE_NAMES for one person of each account."""
    kinds = list(ROLES)
    weights = np.array([[ROLES[k].get(r, 0.0) for r in ROLE_NAMES] for k in kinds])
    rows = account_type.replace_strict(kinds, range(len(kinds)), return_dtype=pl.Int64).to_numpy()
    return choose_by_row(rng, weights, rows)


def people(
    seed: int, world: pl.DataFrame, account: Ints, kind: pl.Series, role: Ints
) -> pl.DataFrame:
    """One row per person with a CRM contact, in the order of the given accounts."""
    rng = stream(seed, "people")
    n = len(account)
    first = pl.Series(FIRST_NAMES).gather(rng.integers(0, len(FIRST_NAMES), n))
    last = pl.Series(LAST_NAMES).gather(rng.integers(0, len(LAST_NAMES), n))
    titles = pl.Series([t for r in ROLE_NAMES for t in JOB_TITLES[r]])
    title = titles.gather(role * 3 + rng.integers(0, 3, n))
    index = np.arange(n)
    free_mail = rng.random(n) < 0.06
    offline = rng.random(n) < 0.14
    # Young surgeons set up on their own: the first segment of the medical market.
    alone = world["account_type"].gather(account).to_numpy() == "solo_practice"
    young = rng.random(n) < np.where(alone, 0.65, 0.25)
    has_phone = (rng.random(n) < 0.7) & (index < 60_000)
    prefix = pl.Series(PHONE_PREFIX).gather(index // 10_000 % 6)
    owner = pl.Series([str(70_000_000 + k) for k in range(14)])
    return (
        pl.DataFrame(
            {
                "person": index,
                "account": account,
                "vertical": world["vertical"].gather(account),
                "account_type": world["account_type"].gather(account),
                "kind": kind,
                "role": pl.Series(ROLE_NAMES).gather(role),
                "job_title": title,
                "first_name": first,
                "last_name": last,
                "age": np.where(young, rng.integers(29, 40, n), rng.integers(40, 68, n)),
                "domain": world["domain"].gather(account),
                "organisation": world["name"].gather(account),
                "city": world["city"].gather(account),
                "gateway": world["gateway"].gather(account),
                "company_crm_id": world["crm_id"].gather(account),
                "prefetch": rng.random(n) < 0.28,
                "affinity": rng.gamma(2.0, 0.5, n),
                "free_mail": free_mail,
                "offline": offline,
                "has_phone": has_phone,
                "prefix": prefix,
                "owner_id": owner.gather(rng.integers(0, 14, n)),
                "language": pl.Series(
                    ["fr", "fr", "fr", "fr", "fr", "fr", "fr", "fr", "en", "de"]
                ).gather(rng.integers(0, 10, n)),
            }
        )
        .with_columns(
            email=pl.format(
                "{}.{}.{}@{}",
                slug(pl.col("first_name")),
                slug(pl.col("last_name")),
                "person",
                pl.when("free_mail").then(pl.lit("courriel.example")).otherwise("domain"),
            ),
            phone=pl.when("has_phone").then(
                pl.col("prefix") + (pl.col("person") % 10_000).cast(pl.String).str.zfill(4)
            ),
            user_id=pl.when(~pl.col("offline")).then(
                pl.format("usr_{}", pl.col("person") + 10_000)
            ),
            crm_id=(pl.col("person") + CONTACT_ID).cast(pl.String),
        )
        .drop("free_mail", "has_phone", "prefix")
    )
