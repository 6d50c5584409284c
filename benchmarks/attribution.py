"""Attribution of 200,000 conversions to 20 million touches: ours, a plain way, and libraries.

    python -m benchmarks.attribution [rules] [fits] [bootstrap] [coverage] [--touches N] …

rules: our models from the classified touches to the credit by channel of five rule models, and the
same from paths that stand; the plain way sorts and counts with window functions, a model a query.
fits: Markov and Shapley of the same distinct paths by ours and by the libraries
`ChannelAttribution` (2.2.5) and `marketing-attribution-models` (2.1.1, module `mam`), where they
can be imported: from a folder of their own on PYTHONPATH, with the metadata of what they depend on,
which plotly reads. bootstrap: our replicates over a million rows of credit. coverage: how many
intervals hold the large-sample share, in seeded samples. Two threads.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import random
import resource
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np

from benchmarks._coverage import WORLDS, covered
from benchmarks._models import build
from models_ml.attribution import draws, markov, shapley
from models_ml.attribution.effects import Settings
from models_ml.attribution.paths import from_rows
from models_ml.attribution.paths import read as read_walks
from reverse_etl.publish.views import macros
from workspace import definitions, warehouse
from workspace.definitions.attribution import MODELS
from workspace.definitions.store import table
from workspace.paths import PROJECT

PARTS = ["bootstrap", "rules", "fits", "coverage"]
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
        # Data-driven models credit what nothing was fitted to like linear: the work is the same.
        connection.execute(
            "create table intermediate.int_attribution_paths as select null::varchar as "
            "conversion_id, null::varchar as channels where false; create view "
            "staging.stg_models__attribution_effects as select null::varchar as vertical, "
            "null::varchar as goal, null::varchar as model, null::varchar as path, "
            "null::varchar as channel, null::double as value where false"
        )
        connection.execute(
            "create table intermediate.int_attribution_answers as select null::varchar as vertical,"
            " null::varchar as unit_id, null::varchar as self_reported_source where false"
        )


def rules(path: Path) -> None:
    build(path, "stg_marketing__attribution_settings", "stg_marketing__attribution_models")
    paths, _ = build(path, "int_attribution_reach", "attribution_touchpoints")
    build(path, "attribution_models")
    stored, _ = build(path, "int_attribution_path_touches", "attribution_credits")
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
        began = time.perf_counter()
        rows = connection.execute(
            "select model, channel, sum(credit_base) from marts.attribution_credits group by all"
        ).fetchall()
        told = time.perf_counter() - began
        assert len(rows) >= len(CHANNELS) * len(MODELS), rows  # and unattributed, where any is
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
    print(f"all models in one query of credits {told:6.2f} s, which took {stored:.2f} s to store")
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
    once = from_rows(["A>B"], columns[:1, 0], columns[:1, 1])
    (
        shapley.shares(once),
        markov.removal_effects(once),
    )  # as the libraries, imported before the clock
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
    library = importlib.import_module("mam").MAM
    rows = [
        (text.replace(">", " > "), won, count)
        for text, converted, lost in walks
        for won, count in ((True, converted), (False, lost))
        if count
    ]
    frame = pandas.DataFrame(rows, columns=["path", "won", "times"])
    began = time.perf_counter()
    model = library(
        frame,
        format_type="grouped_journey",
        channels_colname="path",
        journey_with_conv_colname="won",
        occurrences_colname="times",
    )
    read = time.perf_counter() - began
    began = time.perf_counter()
    effects = model.run_markov().metadata["removal_effect"]["removal_effect"]
    seconds = read + time.perf_counter() - began
    far = max(abs(effects[name] / effects.sum() - value) for name, value in share.items())
    yield "mam, Markov and credit by path", seconds, f"(shares differ by {far:.4f} at most)"
    began = time.perf_counter()
    model.run_shapley(max_size=len(CHANNELS))
    seconds = read + time.perf_counter() - began
    yield "mam, Shapley of rates", seconds, "(unseen sets are worth 0)"


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
    """Weights drawn for each unit and replicate, credits summed by cell and replicate."""
    with warehouse.connect(path) as connection:
        connection.execute("create schema intermediate")
        names = ", ".join(f"'{name}'" for name in CHANNELS)
        columns = ", ".join(f"credit as credit_{model}" for model in MODELS)
        connection.execute(
            f"""
            create table intermediate.int_attribution_unit_credits as
            select
                md5((n // 5)::varchar) as conversion_id, 'medical' as vertical,
                'deal_won' as goal, date '2025-01-01' + to_months((n // 5 % 12)::integer) as month,
                [{names}][1 + (hash(n) % {len(CHANNELS)})::integer] as channel,
                'c' || n % 5 as campaign_id, 1 as touches,
                sum(credit) over (partition by n // 5) as revenue,
                (hash(n // 5) >> 1)::bigint as unit_number, {columns}
            from (
                select n, (hash(n * 3) % 100000) / 100.0 as credit from range({rows}) as r(n)
            );
            create table intermediate.int_attribution_path_counts as
            select
                vertical, goal, string_agg(channel, '>' order by campaign_id) as path, unit_number,
                1.0::double as conversions, 0.0::double as nulls, max(revenue) as revenue
            from intermediate.int_attribution_unit_credits
            group by vertical, goal, conversion_id, unit_number
            union all
            select vertical, goal, channel, unit_number + 1, 0, 1, 0
            from intermediate.int_attribution_unit_credits
            where campaign_id = 'c0'
            """
        )
        settings = Settings(replicates, 0.9, "markov", 0.01, 1, 5.0, 12, 2000, 7)
        for models in (("linear",), MODELS):
            began = time.perf_counter()
            credits = draws.read(connection)
            kept = replace(credits, by_model={m: credits.by_model[m] for m in models})
            walks = [] if models == ("linear",) else read_walks(connection)
            drawn = draws.drawn(kept, walks, settings)
            seconds = time.perf_counter() - began
            name = "one rule model" if len(models) == 1 else "all models, two refitted"
            print(f"{replicates} replicates, {rows:,} credits, {name:<25} {seconds:6.2f} s")
    cells = [name for _, _, name, _ in credits.cells.names]
    known, place = np.unique(cells, return_inverse=True)
    far = 0.0
    for n in range(len(known)):
        spread = drawn["linear"][place == n].sum(axis=0).std(ddof=1)
        by_unit = credits.matrix("linear")[place == n].sum(axis=0)
        far = max(far, abs(spread / np.sqrt((np.asarray(by_unit) ** 2).sum()) - 1))
    print(f"spread and the analytic one differ by {far:.1%} at most")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the process so far  {memory:6.2f} GB")


def coverage(samples: int) -> None:
    """Samples of several sizes: 90 % of the intervals are to hold the large-sample share."""
    for world in WORLDS:
        for units in (30, 100, 300, 1000):
            for model, counted in covered(world, units, samples, 100, 0.9).items():
                name = f"{world.name}, {units} conversions, {model}"
                held, error, plain = counted
                told = f"{held:6.1%}, give or take {error:.1%}; percentiles {plain:6.1%}"
                print(f"{name:<42} {told}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="|".join(PARTS))
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--touches", type=int, default=20_000_000)
    parser.add_argument("--conversions", type=int, default=200_000)
    parser.add_argument("--walks", type=int, default=1_000_000)
    parser.add_argument("--credits", type=int, default=1_000_000)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--samples", type=int, default=300)
    options = parser.parse_args(arguments)
    if "bootstrap" in options.parts:  # first: the peak of memory is the process's
        with tempfile.TemporaryDirectory() as folder:
            bootstrap(Path(folder) / "warehouse.duckdb", options.credits, options.replicates)
    if "rules" in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "warehouse.duckdb"
            fill(path, options.contacts, options.touches, options.conversions)
            rules(path)
    if "fits" in options.parts:
        data_driven(options.walks)
    if "coverage" in options.parts:
        coverage(options.samples)


if __name__ == "__main__":
    main()
