"""Make one world: files in the sources' formats, and its ground truth beside them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world import contacts as contact_files
from sandbox.world import (
    content,
    crm,
    exports,
    funnel,
    money,
    planted,
    population,
    privacy,
    programmes,
    truth,
)
from sandbox.world.activity import write_events
from sandbox.world.contracts import Book, book, ledger
from sandbox.world.draws import Ints, choose, stream
from sandbox.world.events import Fragments
from sandbox.world.mail import MailState
from sandbox.world.plan import SIZES, Size
from sandbox.world.product import make_use
from sandbox.world.responses import true_responses
from sandbox.world.writer import Files


@dataclass
class Summary:
    """What a generation wrote: rows and bytes per file, relative to `directory`."""

    directory: Path
    truth: Path
    rows: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


@dataclass
class World:
    """The tables the subjects share while a world is written."""

    seed: int
    size: Size
    accounts: pl.DataFrame
    units: pl.DataFrame
    touches: pl.DataFrame
    people: pl.DataFrame
    contacts: pl.DataFrame
    deals: pl.DataFrame
    book: Book


def generate(
    directory: Path,
    size: str = "S",
    seed: int = 7,
    profile: str = "calibrated",
    truth_directory: Path | None = None,
    reference: Path = population.REFERENCE,
) -> Summary:
    """Write a world into `<directory>/<kind>/...` and its truth into `truth_directory`.

    The truth goes to `<directory>/../truth` unless told otherwise. `profile` is `calibrated` or
    `churn` (at least 20,000 contracts: companies, deals and usage only; `size` does not matter).
    The same arguments give the same bytes. Raises ValueError for an unknown size or profile.
    """
    if size not in SIZES:
        raise ValueError(f"size {size!r} is not one of {', '.join(SIZES)}")
    if profile not in ("calibrated", "churn"):
        raise ValueError(f"profile {profile!r} is not one of calibrated, churn")
    directory = Path(directory)
    known = Path(truth_directory) if truth_directory else directory.parent / "truth"
    directory.mkdir(parents=True, exist_ok=True)
    known.mkdir(parents=True, exist_ok=True)
    files = Files(directory)
    if profile == "churn":
        from sandbox.world.churn import write_churn

        write_churn(files, known, seed, reference)
    else:
        _calibrated(files, known, SIZES[size], seed, reference)
    return Summary(directory, known, files.rows, files.sizes)


def make_world(size: Size, seed: int, reference: Path = population.REFERENCE) -> World:
    """All people, deals and contracts, before any file."""
    accounts = population.accounts(seed, reference)
    leads = funnel.leads(seed, accounts)
    units = leads.units
    customers = units.filter(pl.col("depth") == 5, pl.col("t5") < cal.END).select(
        "account", "unit", "vertical", signed="t5"
    )
    contracts = book(seed, customers.with_columns(currency=pl.lit("EUR")))
    account, kind, role = _who(seed, size, accounts, units)
    people = population.people(seed, accounts, account, kind, role)
    # Whoever tries or uses the product has signed in: their user id is known.
    inside = pl.col("account").is_in(units.filter(pl.col("depth") >= 3)["account"].implode())
    people = people.with_columns(
        user_id=pl.when(inside).then(population.USER_ID).otherwise("user_id")
    )
    deals = crm.build_deals(seed, units, contracts)
    people = contact_files.lifecycle(seed, people, units, deals)
    contacts = contact_files.with_duplicates(seed, people, size.contacts)
    return World(seed, size, accounts, units, leads.touches, people, contacts, deals, contracts)


def _who(
    seed: int, size: Size, accounts: pl.DataFrame, units: pl.DataFrame
) -> tuple[Ints, pl.Series, Ints]:
    """Accounts, kinds and roles of all people: leads, then stakeholders, then subscribers."""
    rng = stream(seed, "who")
    lead_account = units["account"].to_numpy()
    roles = population.lead_roles(rng, accounts["account_type"].gather(lead_account))
    others = round(size.contacts * (1 - contact_files.DUPLICATES)) - len(lead_account)
    deep = units.filter(pl.col("depth") >= 2)
    share = min(others, int(deep.height * 1.1))
    weight = deep["depth"].to_numpy() ** 1.5
    colleague = deep["account"].to_numpy()[choose(rng, weight, share)]
    anywhere = choose(rng, accounts["lead_weight"].to_numpy(), others - share)
    account = np.r_[lead_account, colleague, anywhere]
    more = population.lead_roles(rng, accounts["account_type"].gather(account[len(roles) :]))
    kinds = ["lead"] * len(roles) + ["stakeholder"] * share + ["subscriber"] * (others - share)
    return account, pl.Series(kinds), np.r_[roles, more]


def _calibrated(files: Files, known: Path, size: Size, seed: int, reference: Path) -> None:
    world = make_world(size, seed, reference)
    fragments = Fragments()
    library = content.items(seed)
    plan = programmes.programme(seed)
    use = make_use(world.book, world.people, fragments)
    lists = programmes.attendance(seed, plan, world.people, world.touches)
    suffix = ".ndjson.gz" if size.packed else ".ndjson"

    copy_reference(files, reference)
    money.write_costs(files, seed)
    money.write_ad_spend(files, seed)
    money.write_fx_rates(files, seed)
    content.write_content(files, library, seed)
    programmes.write_attendees(files, plan, lists, world.people, world.accounts)
    exports.write_product_usage(files, seed, use, world.people)
    exports.write_sales_activities(files, seed, world.people)
    programmes.write_surveys(files, seed, use, world.book, world.people)
    state, faults = write_events(files, known, world, library, lists, use, fragments, suffix)
    decisions, external_ids = privacy.write_privacy(files, seed, world.people, state)
    crm.write_companies(
        files, "crm/companies-export" + suffix, world.accounts, world.units, world.book
    )
    crm.write_deals(files, "crm/deals-export" + suffix, world.deals, world.accounts, world.people)
    contacts = world.contacts.with_columns(
        optout_at=pl.when(pl.col("crm_id").is_in(world.people["crm_id"].implode())).then(
            pl.Series(state.optout_at).gather(world.contacts["person"])
        )
    ).with_columns(optout_at=crm.before_end("optout_at"))
    contact_files.write_contacts(files, "crm/contacts-export" + suffix, contacts)
    _write_truth(known, world, state, decisions, faults, suffix)
    truth.save(known, "external_ids", external_ids)


def copy_reference(files: Files, reference: Path) -> None:
    """The tracked file of collectivités, as the landing file of kind `reference`."""
    name = "reference/" + reference.name
    target = files.directory / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(reference, target)
    files.rows[name] = population.read_reference(reference).height
    files.sizes[name] = target.stat().st_size


def _write_truth(
    known: Path,
    world: World,
    state: MailState,
    decisions: pl.DataFrame,
    faults: list[tuple[str, str, str, str]],
    suffix: str,
) -> None:
    """What does not depend on single messages (activity.py writes the rest)."""
    people = world.people.select(
        "person",
        account="company_crm_id",
        vertical="vertical",
        kind="kind",
        role="role",
        affinity="affinity",
        prefetch="prefetch",
        gateway="gateway",
        holdout=~pl.col("mailed"),
    )
    truth.save(known, "people", people)
    truth.save(known, "action_responses", true_responses(people))
    truth.save(known, "channel_effects", truth.channel_effects(world.units, world.touches))
    touches = world.touches.select(person="unit", channel="channel", time="time", online="online")
    truth.save(known, "touches", truth.with_channel_names(touches))
    truth.save(known, "stages", truth.stages(world.units, world.accounts))
    write_contract_truth(known, world.book, world.accounts)
    merged = world.contacts.filter(pl.col("merged_at").is_not_null())
    truth.save(
        known, "merges", merged.select(survivor="crm_id", merged="merged_id", at="merged_at")
    )
    copies = world.contacts.slice(world.people.height).filter(pl.col("archived_at").is_null())
    truth.save(known, "unmerged_duplicates", copies.select("person", "crm_id"))
    truth.save(known, "planted_rows", planted.planted_table(faults, suffix))
    truth.save(known, "consent_decisions", decisions)
    truth.save(
        known,
        "mail_state",
        pl.DataFrame(
            {
                "person": np.arange(world.people.height),
                "optout_at": state.optout_at,
                "bounced_at": state.bounced_at,
                "complained_at": state.complained_at,
            }
        ),
    )


def write_contract_truth(known: Path, contracts: Book, accounts: pl.DataFrame) -> None:
    """Hazards, ledger and changes, with each customer's company id."""
    who = contracts.customers.select(
        "customer",
        company=accounts["crm_id"].gather(contracts.customers["account"]),
        vertical="vertical",
    )
    months = contracts.months.with_columns(pl.col("customer").cast(pl.UInt32))
    truth.save(known, "contract_months", months.join(who, on="customer", maintain_order="left"))
    truth.save(
        known, "mrr_ledger", ledger(contracts).join(who, on="customer", maintain_order="left")
    )
    changes = contracts.changes.with_columns(pl.col("customer").cast(pl.UInt32))
    truth.save(known, "mrr_changes", changes.join(who, on="customer", maintain_order="left"))
