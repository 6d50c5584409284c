"""A look at every experiment of the warehouse, as rows of the stream ``experiment_looks``.

What earlier looks found counts where they tested the same thing in the same way; a change of
metric, window, control or method begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from models_ml.experiments.deciding import (
    Arm,
    Design,
    Earlier,
    Finding,
    Planned,
    Rail,
    Range,
    judge,
)
from models_ml.experiments.proportions import shares_kept
from workspace.clock import iso
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "experiment_looks"
Row = dict[str, Any]
#: What a test is of; looks of another test are not carried on.
_TESTED = (
    "control",
    "method",
    "tau",
    "metric_kind",
    "metric",
    "within_days",
    "per_arm",
    "base_rate",
    "minimum_effect",
    "power",
)


def looked(
    connection: duckdb.DuckDBPyConnection, lake: Lake, as_of: datetime, is_stored: bool
) -> tuple[pa.Table, bool]:
    """Look, and store it where it saw something else than the last look at this ``as_of`` and
    input snapshot did; with what earlier ones found, and whether it was stored."""
    earlier = lake.relation_sql(STREAM, as_of)
    snapshot = lake.snapshot_id()
    sequence = len(lake.entries(STREAM)) + 1
    rows = look(connection, earlier, as_of, snapshot, sequence)
    if is_stored:
        batch = f"{iso(as_of)}:{snapshot}:{digest(rows)}"
        if rows.num_rows and not lake.has(STREAM, batch):
            return rows, lake.commit(STREAM, batch, rows)
        return rows, False
    before = connection.execute(earlier).to_arrow_table().cast(rows.schema)
    return pa.concat_tables([before, rows]), False


def look(
    connection: duckdb.DuckDBPyConnection,
    earlier: str,
    as_of: datetime,
    snapshot_id: str,
    sequence: int,
) -> pa.Table:
    """One row per experiment and variant. ``earlier`` selects the looks before this one."""
    arms: dict[str, list[Row]] = defaultdict(list)
    for row in _rows(
        connection,
        "select * from intermediate.int_experiment_counts "
        "order by experiment, position nulls last, variant",
    ):
        arms[row["experiment"]].append(row)
    before = _earlier(connection, earlier)
    assigned = _assigned(connection)
    rows: list[Row] = []
    for given in _rows(connection, "select * from intermediate.int_experiments order by 1"):
        key, design = given["experiment"], design_of(given)
        first = arms[key][0]["first_assigned_at"]
        days = (as_of - first).total_seconds() / 86_400 if first else 0.0
        kept = shares_kept(assigned[key])
        p_srm = kept[1] if kept else None
        name = hashlib.sha256(repr([given[part] for part in _TESTED]).encode()).hexdigest()[:12]
        known = before[key, given["salt"], name]
        shared = {
            "experiment": key,
            "salt": given["salt"],
            "control": design.control,
            "method": design.method,
            "design": name,
            "p_srm": p_srm,
            "needed_per_arm": design.needed,
            "as_of": as_of,
            "snapshot_id": snapshot_id,
            "sequence": sequence,
            "known_at": as_of,
        }
        found = judge(design, [_arm(row) for row in arms[key]], days, p_srm, known)
        rows += [{**shared, **_row(design, finding)} for finding in found]
    return pa.Table.from_pylist(rows, schema=STREAMS[STREAM].schema)


def digest(rows: pa.Table) -> str:
    """Names what a look saw and found, whenever it did."""
    plain = rows.drop_columns(["sequence", "as_of", "known_at", "snapshot_id", "p_always_valid"])
    return hashlib.sha256(repr(plain.to_pylist()).encode()).hexdigest()[:12]


def design_of(row: Row) -> Design:
    """Of a row of ``int_experiments``."""
    value = row["fixed_value"]
    return Design(
        control=row["control"],
        method=row["method"],
        alpha=row["alpha"],
        tau=row["tau"],
        min_per_arm=row["min_per_arm"],
        min_days=row["min_days"],
        rails=[_rail(rail) for rail in json.loads(row["guard_rails"] or "[]")],
        value=None if value is None else float(value),
        has_revenue=bool(row["has_revenue"]),
        per_arm=row["per_arm"],
        base_rate=row["base_rate"],
        minimum_effect=row["minimum_effect"],
        power=row["power"] or 0.8,
    )


def _rail(given: Row) -> Rail:
    limit = given.get("at_most", given.get("worse_by"))
    return Rail(given["rail"], limit / 100, "worse_by" in given)


def _arm(row: Row) -> Arm:
    return Arm(
        variant=row["variant"],
        assigned=row["assigned"],
        exposed=row["exposed"],
        measured=row["measured"],
        converted=row["converted"],
        unsubscribed=row["unsubscribed"],
        complained=row["complained"],
        revenue=float(row["revenue"] or 0),
        revenue_squares=float(row["revenue_squares"] or 0),
    )


def _row(design: Design, finding: Finding) -> Row:
    arm = finding.arm
    revenue = arm.revenue if design.has_revenue else None
    if design.value is not None:
        revenue = arm.converted * design.value
    return {
        "variant": arm.variant,
        "assigned": arm.assigned,
        "exposed": arm.exposed,
        "measured": arm.measured,
        "converted": arm.converted,
        "revenue": revenue,
        "unsubscribed": arm.unsubscribed,
        "complained": arm.complained,
        "rate": arm.rate,
        **_range("effect", finding.effect),
        **_range("incremental_conversions", finding.incremental_conversions),
        **_range("incremental_revenue", finding.incremental_revenue),
        "p_value": finding.p_value,
        "likelihood_ratio": finding.likelihood_ratio,
        "p_always_valid": finding.p_always_valid,
        "p_decisive": finding.p_decisive,
        "p_adjusted": finding.p_adjusted,
        "decision": finding.decision,
        "is_winner": finding.is_winner,
        "reasons": "; ".join(finding.reasons),
    }


def _range(name: str, given: Range | None) -> Row:
    middle, low, high = given or (None, None, None)
    return {name: middle, f"{name}_low": low, f"{name}_high": high}


def _assigned(
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, list[tuple[dict[str, float], dict[str, int]]]]:
    """Experiment -> for each setting of its shares these, and the people assigned by them."""
    people: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for experiment, shares, variant, count in connection.execute(
        "select experiment, shares, variant, count(*) from marts.experiment_assignments "
        "where shares is not null group by all order by all"
    ).fetchall():
        people[experiment, shares][variant] = count
    found: dict[str, list[tuple[dict[str, float], dict[str, int]]]] = defaultdict(list)
    for (experiment, shares), counts in people.items():
        found[experiment].append((json.loads(shares), counts))
    return found


def _earlier(
    connection: duckdb.DuckDBPyConnection, earlier: str
) -> dict[tuple[str, str, str], dict[str, Earlier]]:
    found: dict[tuple[str, str, str], dict[str, Earlier]] = defaultdict(dict)
    for row in _rows(
        connection,
        f"""
        select experiment, salt, design, variant, min(p_always_valid) as smallest,
            arg_min(looks, sequence) filter (
                method = 'fixed_horizon' and p_adjusted is not null and effect is not null
            ) as planned
        from ({earlier}) as looks group by all
        """,
    ):
        planned = None if row["planned"] is None else _planned(row["planned"])
        key = (row["experiment"], row["salt"], row["design"])
        found[key][row["variant"]] = Earlier(row["smallest"], planned)
    return found


def _planned(row: Row) -> Planned:
    """Of a row of the stream that has a p which decides."""
    revenue = None
    if row["incremental_revenue"] is not None and row["measured"]:
        middle, low, high = _read("incremental_revenue", row)
        revenue = (middle / row["measured"], low / row["measured"], high / row["measured"])
    return Planned(
        p_decisive=row["p_decisive"],
        p_adjusted=row["p_adjusted"],
        effect=_read("effect", row),
        revenue=revenue,
        decision=row["decision"],
        reasons=row["reasons"].split("; ") if row["reasons"] else [],
    )


def _read(name: str, row: Row) -> Range:
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    return connection.execute(query).to_arrow_table().to_pylist()
