"""Who gets which variant: drawn by a hash, remembered at the first message, and kept.

Whoever intends messages calls :func:`expose` on them before they are stored. Assignments are
committed first, so that a run which is killed between the two draws nobody again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from workspace.buckets import bucket_sql, ranges
from workspace.clock import iso
from workspace.definitions.caps import Caps
from workspace.definitions.experiments import HOLDOUT, Experiments
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "experiment_assignments"
#: The experiment that the hold-out of caps.yml is, and its variant that gets messages.
UNIVERSAL, TREATED = "universal", "treated"
IDENTITIES = "marts.identity_map"
REACHABLE = "marts.reachable_contacts"
#: The table that :func:`assign` makes.
DRAWN = "experiment_drawn"

_TEXT = pa.string()
_EXPERIMENTS = pa.schema(
    {
        "experiment": _TEXT,
        "salt": _TEXT,
        "source_kind": _TEXT,
        "source_key": _TEXT,
        "step": _TEXT,
        "shares": _TEXT,
        "within_days": pa.float64(),
        "is_over": pa.bool_(),
    }
)
_VARIANTS = pa.schema(
    {
        "experiment": _TEXT,
        "variant": _TEXT,
        "template": _TEXT,
        "from_bucket": pa.int64(),
        "to_bucket": pa.int64(),
    }
)


def shares_text(shares: Mapping[str, float]) -> str:
    """Shares in percent as they are remembered."""
    return json.dumps({name: float(share) for name, share in shares.items()}, sort_keys=True)


def assign(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    experiments: Experiments,
    relation: str,
    as_of: datetime,
    identities: str = IDENTITIES,
) -> str:
    """Make a table of the variants for the rows of ``relation``, and return its name.

    ``relation`` has ``source_kind``, ``source_key``, ``step`` and ``contact_id``; the table has one
    row for each of these that is part of an experiment which runs at ``as_of``, or of one which is
    over and measures the person still (that one counts, where there are both), with
    ``experiment``, ``salt``, ``person`` (the contact of today), ``variant``, ``template`` (empty:
    the message's own), ``shares`` and ``is_new``. What was remembered counts before shares that
    changed since; of contacts that became one, the first assignment counts. Nothing is stored.
    """
    _tabulate(connection, experiments, as_of)
    connection.execute(
        f"""
        create or replace temp table {DRAWN} as
        with people as (
            select identifier_key, contact_id from {identities} where contact_id is not null
        ),
        known as ({known_sql(lake, identities)}),
        asked as (
            select distinct rows.source_kind, rows.source_key, rows.step, rows.contact_id,
                coalesce(people.contact_id, rows.contact_id) as person,
                given.experiment, given.salt, given.shares, given.within_days, given.is_over
            from {relation} as rows
            inner join given_experiments as given
                on rows.source_kind = given.source_kind and rows.source_key = given.source_key
                and (given.step is null or rows.step = given.step)
            left join people on rows.contact_id = people.identifier_key
        ),
        drawn as (select *, {bucket_sql("salt", "person")} as bucket from asked),
        chosen as (
            select drawn.* exclude (bucket, within_days, is_over), known.variant is null as is_new,
                coalesce(known.variant, variants.variant) as variant
            from drawn
            left join known
                on drawn.experiment = known.experiment and drawn.salt = known.salt
                and drawn.person = known.contact_id
            inner join given_variants as variants
                on drawn.experiment = variants.experiment
                and drawn.bucket >= variants.from_bucket and drawn.bucket < variants.to_bucket
            where not drawn.is_over or known.assigned_at
                + to_microseconds(cast(drawn.within_days * 86400000000 as bigint)) > $1
            qualify row_number() over (
                partition by drawn.source_kind, drawn.source_key, drawn.step, drawn.contact_id
                order by drawn.is_over desc, known.assigned_at, drawn.experiment
            ) = 1
        )
        select chosen.*, variants.template
        from chosen
        left join given_variants as variants
            on chosen.experiment = variants.experiment and chosen.variant = variants.variant
        """,
        [as_of],
    )
    return DRAWN


def expose(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    experiments: Experiments,
    caps: Caps,
    table: str,
    as_of: datetime,
    identities: str = IDENTITIES,
    reachable: str = REACHABLE,
    may_store: bool = True,
) -> int:
    """Put experiment, variant and the variant's template into a table of messages to be stored.

    ``table`` has the columns of the stream ``message_intents``. Rows that come with an experiment
    and a variant of their own (a campaign's control) are remembered as they are; of these, those
    held out stay as they are. Whom the universal hold-out keeps the message from is in no other
    experiment, and who may not be written to (``reachable``: contact_id, purpose, channel) in none:
    nothing would differ for them. Returns how many assignments are new; they are stored, in one
    commit.
    """
    free = [key for key, kind in caps.classes.items() if "holdout" not in kind.skips]
    owed = [key for key, kind in caps.classes.items() if "consent" in kind.skips]
    connection.execute(
        f"""
        create or replace temp table experiment_asked as
        with people as (
            select identifier_key, contact_id from {identities} where contact_id is not null
        )
        select rows.*, coalesce(people.contact_id, rows.contact_id) as person,
            list_contains($1::varchar[], rows.message_class) as is_for_holdout
        from {table} as rows
        left join people on rows.contact_id = people.identifier_key
        left join {reachable} as reachable
            on coalesce(people.contact_id, rows.contact_id) = reachable.contact_id
            and rows.purpose = reachable.purpose and rows.channel = reachable.channel
        where reachable.contact_id is not null or list_contains($2::varchar[], rows.message_class)
        """,
        [free, owed],
    )
    held_out = caps.holdout.condition("person")
    open_ = f"""(
        select * from experiment_asked
        where variant is distinct from '{HOLDOUT}' and not (is_for_holdout and {held_out})
    )"""
    drawn = assign(connection, lake, experiments, open_, as_of, identities)
    shares = caps.holdout.share * 100
    universal = shares_text({HOLDOUT: shares, TREATED: 100 - shares})
    connection.execute(
        f"""
        create or replace temp table experiment_made as
        select experiment, salt, person as contact_id, variant, shares from {drawn}
        union
        select experiment, '', person, variant, null from experiment_asked
        where variant is not null and experiment not in (select unnest($4::varchar[]))
            and not (is_for_holdout and {held_out})
        union
        select '{UNIVERSAL}', concat($1::varchar, ':', $2::varchar), person,
            case when {held_out} then '{HOLDOUT}' else '{TREATED}' end, $2::varchar
        from experiment_asked where is_for_holdout and $3
        """,
        [caps.holdout.salt, universal, caps.holdout.share > 0, list(experiments.experiments)],
    )
    made = 0
    if may_store:
        made = automatic(connection, lake, "experiment_made", as_of, identities)
    # Written anew: an update in the order of a join takes many times as long.
    connection.execute(
        f"""
        create or replace temp table experiment_exposed as
        with open as (select * from {table} where variant is distinct from '{HOLDOUT}')
        select open.* replace (
            coalesce(drawn.experiment, open.experiment) as experiment,
            coalesce(drawn.variant, open.variant) as variant,
            coalesce(drawn.template, open.template) as template
        )
        from open
        left join {drawn} as drawn
            on open.contact_id = drawn.contact_id and open.source_kind = drawn.source_kind
            and open.source_key = drawn.source_key
            and coalesce(open.step, '') = coalesce(drawn.step, '')
        union all
        select * from {table} where variant = '{HOLDOUT}'
        """
    )
    connection.execute(f"delete from {table}; insert into {table} from experiment_exposed")
    connection.execute("drop table experiment_exposed")
    return made


def automatic(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    relation: str,
    as_of: datetime,
    identities: str = IDENTITIES,
) -> int:
    """Store assignments that somebody else made; how many are new.

    ``relation`` has ``experiment`` (such as ``campaign:spring``), ``contact_id`` and ``variant``,
    and may have ``salt`` (what is measured by itself; none is an empty text), ``shares``
    (:func:`shares_text`; without, shares are not checked) and ``assigned_at`` (``as_of``). Whoever
    has a variant already keeps it. All of them are one commit.
    """
    cursor = connection.execute(f"from {relation} limit 0")
    given = {column[0] for column in cursor.description or []}
    salt = "coalesce(made.salt, '')" if "salt" in given else "''"
    shares = "made.shares" if "shares" in given else "cast(null as varchar)"
    assigned_at = "made.assigned_at" if "assigned_at" in given else "cast($1 as timestamp)"
    rows = connection.execute(
        f"""
        with people as (
            select identifier_key, contact_id from {identities} where contact_id is not null
        ),
        known as ({known_sql(lake, identities)}),
        made as (
            select made.experiment, {salt} as salt,
                coalesce(people.contact_id, made.contact_id) as contact_id, made.variant,
                {shares} as shares, {assigned_at} as assigned_at
            from {relation} as made
            left join people on made.contact_id = people.identifier_key
        ),
        fresh as (
            select made.* from made
            anti join known
                on made.experiment = known.experiment and made.salt = known.salt
                and made.contact_id = known.contact_id
        )
        select made.*, cast($1 as timestamp) as known_at
        from fresh as made
        qualify row_number() over (
            partition by made.experiment, made.salt, made.contact_id
            order by made.assigned_at, made.variant
        ) = 1
        order by made.experiment, made.contact_id
        """,
        [as_of],
    ).to_arrow_table()
    if rows.num_rows:
        schema = STREAMS[STREAM].schema
        batch = f"{len(lake.entries(STREAM)) + 1}:{iso(as_of)}"
        lake.commit(STREAM, batch, rows.select(schema.names).cast(schema))
    return rows.num_rows


def known_sql(lake: Lake, identities: str = IDENTITIES) -> str:
    """A SELECT of the assignments in force: ``experiment``, ``salt``, ``contact_id`` of today,
    ``variant``, ``assigned_at``. Of several that became one contact the first counts, then its
    own."""
    return f"""
        select stored.experiment, stored.salt,
            coalesce(people.contact_id, stored.contact_id) as contact_id,
            arg_min(stored.variant, {{
                moment: stored.assigned_at,
                is_other: stored.contact_id is distinct from people.contact_id,
                id: stored.contact_id
            }}) as variant,
            min(stored.assigned_at) as assigned_at
        from ({lake.relation_sql(STREAM)}) as stored
        left join (
            select identifier_key, contact_id from {identities} where contact_id is not null
        ) as people on stored.contact_id = people.identifier_key
        group by all
    """


def _tabulate(
    connection: duckdb.DuckDBPyConnection, experiments: Experiments, as_of: datetime
) -> None:
    """``given_experiments`` that run at ``as_of`` or still measure somebody, and
    ``given_variants`` with their buckets."""
    running, variants = [], []
    for key, experiment in experiments.experiments.items():
        ends_at, within_days = experiment.ends_at, experiment.metric.within_days
        is_over = ends_at is not None and as_of >= ends_at
        if as_of < experiment.starts_at:
            continue
        if ends_at is not None and as_of >= ends_at + timedelta(days=within_days):
            continue
        shares = {name: arm.share for name, arm in experiment.variants.items()}
        kind, source_key = experiment.source
        running.append(
            {
                "experiment": key,
                "salt": experiments.salt_of(key),
                "source_kind": kind,
                "source_key": source_key,
                "step": experiment.node,
                "shares": shares_text(shares),
                "within_days": float(within_days),
                "is_over": is_over,
            }
        )
        for name, (start, end) in ranges(shares).items():
            arm = {"variant": name, "template": experiment.variants[name].template}
            variants.append({"experiment": key, **arm, "from_bucket": start, "to_bucket": end})
    for name, rows, schema in (
        ("given_experiments", running, _EXPERIMENTS),
        ("given_variants", variants, _VARIANTS),
    ):
        connection.register("given_rows", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"create or replace temp table {name} as from given_rows")
        connection.unregister("given_rows")
