"""The churn profile: many contracts under the same hazard, for measuring churn models.

Companies (every collectivité and medical account), one new contract for 21,000 of them signed at
any time of the first 20 months, one user each, and usage by server-side messages at a lower
level than in the calibrated world. Nothing is made to land on a total here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world import contacts as contact_files
from sandbox.world import content, crm, population, product, truth
from sandbox.world.contracts import book
from sandbox.world.devices import devices
from sandbox.world.draws import stream
from sandbox.world.events import Fragments, Renderer
from sandbox.world.transit import OnTheWay, travel, write_month
from sandbox.world.writer import Files

CONTRACTS = {"medical": 4_000, "public": 17_000}
#: Usage relative to the calibrated world, to keep the files small.
LEVEL = 0.22


def write_churn(files: Files, known: Path, seed: int, reference: Path) -> None:
    """Write companies, contacts, deals, events and the truth of contracts."""
    from sandbox.world.generate import copy_reference, write_contract_truth

    rng = stream(seed, "churn profile")
    accounts = population.accounts(seed, reference)
    chosen = []
    for vertical, number in CONTRACTS.items():
        own = accounts.filter(pl.col("vertical") == vertical)["account"].cast(pl.Int64).to_numpy()
        chosen.append(np.sort(rng.permutation(own)[:number]))
    account = np.concatenate(chosen)
    n = len(account)
    signed = cal.in_month(rng, rng.integers(0, 20, n))
    role = population.lead_roles(rng, accounts["account_type"].gather(account))
    kind = pl.Series(["lead"] * n)
    people = population.people(seed, accounts, account, kind, role)
    people = people.with_columns(user_id=population.USER_ID)
    customers = pl.DataFrame(
        {"account": account, "unit": np.arange(n), "vertical": people["vertical"], "signed": signed}
    ).with_columns(currency=pl.lit("EUR"))
    contracts = book(seed, customers, exact_year_1=False)
    units = customers.select(
        "unit",
        "account",
        "vertical",
        depth=pl.lit(5),
        **{f"t{k}": pl.col("signed") - (5 - k) * 8 * cal.DAY for k in range(6)},
    )
    deals = crm.build_deals(seed, units, contracts)
    people = contact_files.lifecycle(
        seed, people, units.with_columns(mailed=pl.lit(True), last_channel=pl.lit(0)), deals
    )
    copy_reference(files, reference)
    crm.write_companies(files, "crm/companies-export.ndjson.gz", accounts, units, contracts)
    crm.write_deals(files, "crm/deals-export.ndjson.gz", deals, accounts, people)
    none = pl.lit(None, pl.Int64)
    contacts = people.with_columns(
        optout_at=none, merged_at=none, archived_at=none, merged_id=pl.lit(None, pl.String)
    )
    contact_files.write_contacts(files, "crm/contacts-export.ndjson.gz", contacts)

    fragments, notes = Fragments(), OnTheWay()
    use = product.make_use(contracts, people, fragments)
    own_devices = devices(seed, people, 0)
    pages = content.pages(content.items(seed))
    renderer = Renderer(own_devices, people, pages, fragments)
    renderer.set_sources([])
    for month in range(cal.N_MONTHS):
        table = product.usage(seed, month, use, fragments, LEVEL)
        table = travel(stream(seed, "travel", month), table, notes)
        name = f"events/events-{cal.month_label(month)}.ndjson.gz"
        write_month(files, name, table, renderer, [])
    for name, parts in notes.tables.items():
        truth.save(known, name, pl.concat(parts))
    write_contract_truth(known, contracts, accounts)
    nobody = pl.DataFrame(schema={"person": pl.Int64, "value": pl.String})
    truth.save(known, "identities", truth.identities(contacts, nobody))
