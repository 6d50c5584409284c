"""Attribution of 200,000 conversions to 20 million touches: ours, a plain way, and libraries.

    python -m benchmarks.attribution [--touches N] [--contacts N] [--conversions N]

Rules: our models from the classified touches to the credit by channel of five rule models, and the
same from paths that stand; the plain way sorts and counts with window functions, a model a query.
Markov and Shapley: the same distinct paths for ours and for the libraries `channelattribution` and
`marketing-attribution-models` where they are installed, else for plain loops; a library gets a path
a row, as it asks for. Bootstrap: our replicates over a million rows of credit. Two threads.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import random
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np

from benchmarks._models import build
from models_ml.attribution import markov, shapley
from models_ml.attribution.paths import from_rows
from reverse_etl.publish.views import macros
from workspace import definitions, warehouse
from workspace.definitions.store import table
from workspace.paths import PROJECT

RULES = ("first", "last", "linear", "time_decay", "position")
CHANNELS = ["direct", "email", "organic_search", "paid_search", "paid_social", "webinar", "events"]
PLACE = "row_number() over (partition by conversion_id order by occurred_at, touch_id)"
COUNT = "count(*) over (partition by conversion_id)"
AGE = "date_diff('microsecond', occurred_at, converted_at) / 86400e6"
PLAIN = {
    "first": f"case when {PLACE} = 1 then 1 else 0 end",
    "last": f"case when {PLACE} = {COUNT} then 1 else 0 end",
    "linear": f"1.0 / {COUNT}",
    "time_decay": f"power(2, -({AGE}) / 7) / sum(power(2, -({AGE}) / 7)) over "
    "(partition by conversion_id)",
    "position": f"case when {COUNT} = 1 then 1 when {COUNT} = 2 then 0.5 "
    f"when {PLACE} in (1, {COUNT}) then 0.4 else 0.2 / ({COUNT} - 2) end",
}


def fill(path: Path, contacts: int, touches: int, conversions: int) -> None:
    with warehouse.connect(path) as connection:
        for schema in ("lake", "staging", "intermediate", "marts"):
            connection.execute(f"create schema {schema}")
        rows = definitions.load(PROJECT / "marketing").rows()
        connection.register("given", table(rows, datetime(2026, 1, 1)))
        connection.execute("create table lake.parameters as from given")
        names = ", ".join(f"'{name}'" for name in CHANNELS)
        connection.execute(
            f"""
            create table intermediate.int_attribution_touches as
            select
                md5('touch' || n) as touch_id, 'session' as touch_type,
                md5((hash(n * 7) % {contacts})::varchar) as contact_id, 'medical' as vertical,
                contact_id as unit_id,
                [{names}][1 + (hash(n * 5) % {len(CHANNELS)})::integer] as channel,
                null::varchar as campaign, null::varchar as campaign_id,
                timestamp '2026-01-01' - to_seconds((hash(n * 13) % 63072000)::integer)
                    as occurred_at
            from range({touches}) as r(n)
            """
        )
        connection.execute(
            f"""
            create table intermediate.int_attribution_conversions as
            select
                md5('conversion' || n) as conversion_id, 'deal_won' as goal,
                n::varchar as source_id, 'medical' as vertical,
                md5((hash(n * 3) % {contacts})::varchar) as unit_id,
                timestamp '2026-01-01' - to_seconds((hash(n * 11) % 31536000)::integer)
                    as converted_at,
                converted_at::date as converted_on,
                (50 + n % 1000)::decimal(18, 4) as revenue, 'EUR' as currency,
                (50 + n % 1000)::decimal(18, 4) as revenue_base,
                90.0::double as lookback_days, 7.0::double as half_life_days,
                null::timestamp as previous_at, null::timestamp as lead_at,
                null::timestamp as opportunity_at, true as is_new_customer
            from range({conversions}) as r(n)
            """
        )
        connection.execute(
            "create table intermediate.int_attribution_answers as select null::varchar as vertical,"
            " null::varchar as unit_id, null::varchar as self_reported_source where false"
        )


def rules(path: Path) -> None:
    build(path, "stg_marketing__attribution_settings", "stg_marketing__attribution_models")
    paths, _ = build(path, "int_attribution_reach", "attribution_touchpoints")
    build(path, "attribution_models")
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        for text in macros({"attribution_touchpoints", "attribution_models"}):
            connection.execute(text)
        found: dict[str, list] = {}
        seconds = {}
        for turn in ("cold", "warm"):
            began = time.perf_counter()
            for model in RULES:
                found[model] = connection.execute(
                    "select channel, sum(credit_base)::double from attribution("
                    f"'{model}', 90, 7, date '2020-01-01', date '2030-01-01') "
                    "where channel != 'unattributed' group by 1 order by 1"
                ).fetchall()
            seconds[turn] = time.perf_counter() - began
        began = time.perf_counter()
        row = connection.execute(
            "select count(*) from (select distinct on (channel) channel, sum(credit_base) from "
            "attribution('time_decay', 30, 7, date '2025-10-01', date '2026-01-01') group by 1)"
        ).fetchone()
        quarter = time.perf_counter() - began
        assert row is not None
        size = connection.execute(
            "select count(*), count(*) filter (is_in_lookback) from marts.attribution_touchpoints"
        ).fetchone()
        began = time.perf_counter()
        plain = {
            model: connection.execute(
                f"""
                select channel, sum(revenue_base * weight)::double from (
                    select channel, revenue_base, {weight} as weight
                    from intermediate.int_attribution_conversions as conversions
                    join intermediate.int_attribution_touches as touches using (vertical, unit_id)
                    where occurred_at <= converted_at
                        and occurred_at >= converted_at - interval 90 days
                ) group by 1 order by 1
                """
            ).fetchall()
            for model, weight in PLAIN.items()
        }
        straight = time.perf_counter() - began
    for model in RULES:
        for (channel, ours), (_, theirs) in zip(found[model], plain[model], strict=True):
            assert abs(ours - theirs) < 1e-6 * abs(theirs) + 1, (model, channel, ours, theirs)
    print(f"paths stored once                  {paths:6.2f} s  rows, in look-back: {size}")
    print(
        f"five rule models from paths        {seconds['cold']:6.2f} s, again {seconds['warm']:.2f}"
    )
    print(f"one model over a quarter           {quarter:6.2f} s")
    print(f"five plain queries from touches    {straight:6.2f} s")
    print(f"ratio, paths included              {straight / (paths + seconds['cold']):6.2f}")
    print(f"ratio, from paths                  {straight / seconds['warm']:6.2f}")


def draw(count: int) -> list[tuple[str, int, int]]:
    """So many walks as distinct paths, with how often they converted and did not."""
    rng = random.Random(7)
    won: Counter = Counter()
    lost: Counter = Counter()
    for _ in range(count):
        steps = [rng.choice(CHANNELS)]
        while rng.random() < 0.6 and len(steps) < 8:
            steps.append(rng.choice([c for c in CHANNELS if c != steps[-1]]))
        (won if rng.random() < 0.02 * len(set(steps)) else lost)[">".join(steps)] += 1
    return [(text, won[text], lost[text]) for text in sorted({*won, *lost})]


def data_driven(count: int) -> None:
    walks = draw(count)
    texts = [text for text, _, _ in walks]
    columns = np.array([[won, lost] for _, won, lost in walks], float)
    began = time.perf_counter()
    own = from_rows(texts, columns[:, 0], columns[:, 1])
    read = time.perf_counter() - began
    ours = {}
    for order in (1, 2, 3):
        began = time.perf_counter()
        effects, _ = markov.removal_effects(own, order)
        ours[f"Markov order {order}"] = read + time.perf_counter() - began
        if order == 1:
            share = dict(zip(own.channels, effects[:, 0] / effects[:, 0].sum(), strict=True))
    began = time.perf_counter()
    shapley.shares(own)
    ours["Shapley"] = read + time.perf_counter() - began
    print(f"{count:,} walks, {len(texts):,} distinct paths")
    for name, seconds in ours.items():
        print(f"ours, {name:<28} {seconds:6.2f} s")
    for peer in (_channelattribution, _mam):
        try:
            for name, seconds, note in peer(walks, share):
                kind = "Shapley" if "Shapley" in name else "Markov order 1"
                print(f"{name:<34} {seconds:6.2f} s  ratio {seconds / ours[kind]:.1f} {note}")
        except ImportError as error:
            print(f"not installed: {error.name}")
    seconds = _plain_markov(walks, share)
    ratio = seconds / ours["Markov order 1"]
    print(f"{'plain loops, Markov order 1':<34} {seconds:6.2f} s  ratio {ratio:.1f}")


def _channelattribution(walks, share):
    pandas = importlib.import_module("pandas")
    library = importlib.import_module("ChannelAttribution")
    frame = pandas.DataFrame(walks, columns=["path", "won", "lost"])
    frame["path"] = frame["path"].str.replace(">", " > ")
    began = time.perf_counter()
    found = library.markov_model(frame, "path", "won", var_null="lost", order=1)
    seconds = time.perf_counter() - began
    total = found["total_conversions"].sum()
    given = dict(zip(found["channel_name"], found["total_conversions"] / total, strict=True))
    far = max(abs(given[name] - value) for name, value in share.items())
    yield "channelattribution, simulated", seconds, f"(shares differ by {far:.4f} at most)"


def _mam(walks, share):
    pandas = importlib.import_module("pandas")
    MAM = importlib.import_module("mam").MAM
    rows = [
        (text.replace(">", " > "), n < won) for text, won, lost in walks for n in range(won + lost)
    ]
    frame = pandas.DataFrame(rows, columns=["path", "won"])
    frame["id"] = range(len(frame))
    model = MAM(
        frame,
        channels_colname="path",
        journey_with_conv_colname="won",
        group_channels=False,
        group_channels_id_list=["id"],
        path_separator=" > ",
    )
    began = time.perf_counter()
    model.attribution_markov(transition_to_same_state=False)
    yield (
        "marketing-attribution-models",
        time.perf_counter() - began,
        "(drops what did not convert)",
    )
    began = time.perf_counter()
    model.attribution_shapley(size=len(CHANNELS))
    yield "the same, Shapley", time.perf_counter() - began, "(another game: sums of conversions)"


def _plain_markov(walks, share) -> float:
    began = time.perf_counter()
    counts: dict[str, Counter] = {}
    for text, won, lost in walks:
        steps = ["start", *text.split(">")]
        for a, b in itertools.pairwise(steps):
            counts.setdefault(a, Counter())[b] += won + lost
        counts.setdefault(steps[-1], Counter())["won"] += won
        counts[steps[-1]]["lost"] += lost

    def chance(removed: str | None) -> float:
        value = dict.fromkeys(counts, 0.0)
        for _ in range(200):
            for state, moves in counts.items():
                total = sum(moves.values())
                value[state] = (
                    sum(
                        n * (1.0 if to == "won" else 0.0 if to == "lost" else value[to])
                        for to, n in moves.items()
                        if to != removed
                    )
                    / total
                )
        return value["start"]

    whole = chance(None)
    effects = {name: 1 - chance(name) / whole for name in share}
    seconds = time.perf_counter() - began
    for name, value in share.items():
        assert abs(effects[name] / sum(effects.values()) - value) < 1e-6, name
    return seconds


def bootstrap(path: Path, rows: int, replicates: int) -> None:
    """Weights drawn for each unit and replicate, credits summed by channel and replicate."""
    with warehouse.connect(path) as connection:
        connection.execute(
            "create or replace table lake.parameters as select * replace (case when collection = "
            "'attribution_settings' then json_merge_patch(value, "
            f"'{{\"replicates\": {replicates}}}')::varchar else value end as value) "
            "from lake.parameters"
        )
        connection.execute(
            f"""
            create or replace table intermediate.int_attribution_paths as
            select 'medical' as vertical, md5((n // 5)::varchar) as unit_id
            from range({rows}) as r(n)
            """
        )
        connection.execute("delete from intermediate.int_attribution_conversions")
        names = ", ".join(f"'{name}'" for name in CHANNELS)
        connection.execute(
            f"""
            create or replace table credits as
            select 'medical' as vertical, md5((n // 5)::varchar) as unit_id,
                [{names}][1 + (hash(n) % {len(CHANNELS)})::integer] as channel,
                (hash(n * 3) % 100000) / 100.0 as credit
            from range({rows}) as r(n)
            """
        )
    build(path, "stg_marketing__attribution_settings", "int_attribution_weights")
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        began = time.perf_counter()
        spread = connection.execute(
            """
            select channel, stddev_samp(total) from (
                select channel, replicate, sum(weight * credit) as total
                from (
                    select vertical, unit_id, channel, sum(credit) as credit
                    from credits group by all
                ) join intermediate.int_attribution_weights using (vertical, unit_id)
                group by all
            ) group by 1 order by 1
            """
        ).fetchall()
        seconds = time.perf_counter() - began
        analytic = dict(
            connection.execute(
                "select channel, sqrt(sum(credit * credit)) from (select unit_id, channel, "
                "sum(credit) as credit from credits group by all) group by 1"
            ).fetchall()
        )
    far = max(abs(value / analytic[channel] - 1) for channel, value in spread)
    print(f"{replicates} replicates, {rows:,} credits      {seconds:6.2f} s")
    print(f"spread and the analytic one differ by {far:.1%} at most")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--touches", type=int, default=20_000_000)
    parser.add_argument("--conversions", type=int, default=200_000)
    parser.add_argument("--walks", type=int, default=1_000_000)
    parser.add_argument("--credits", type=int, default=1_000_000)
    parser.add_argument("--replicates", type=int, default=200)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        fill(path, options.contacts, options.touches, options.conversions)
        rules(path)
        bootstrap(path, options.credits, options.replicates)
    data_driven(options.walks)


if __name__ == "__main__":
    main()
