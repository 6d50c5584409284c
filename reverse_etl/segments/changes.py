"""Who came and who left: what is in a segment by this run's evaluation against the runs before.

The past is a fold over the stream `segment_changes`: a member is in when the last change of it,
or of an identifier that has since become the same contact, says ``entered``. A change that is too
large is held until somebody accepts it; the members stay as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from workspace.clock import iso
from workspace.definitions.segments import Segment, Segments
from workspace.lake import Lake
from workspace.streams import STREAMS

CHANGES = "segment_changes"
EVALUATIONS = "segment_evaluations"
ACCEPTANCES = "segment_acceptances"

#: A segment below this size may change as it likes: a share of few says little.
HELD_FROM = 50

APPLIED = "applied"
HELD = "held"


@dataclass(frozen=True)
class Evaluation:
    """What a run found of one segment, in members of its own unit."""

    segment: str
    definition_hash: str
    status: str
    members_before: int
    members: int
    entered: int
    departed: int


@dataclass(frozen=True)
class Difference:
    """``changes`` has the columns of the stream; those of held segments are left out."""

    changes: pa.Table
    evaluations: list[Evaluation]


def compare(
    connection: duckdb.DuckDBPyConnection,
    segments: Segments,
    lake: Lake,
    as_of: datetime,
) -> Difference:
    """Compare the evaluation that stands in the warehouse with the fold of the changes before."""
    sequence = len(lake.entries(CHANGES)) + 1
    accepted = _accepted(lake)
    connection.execute(
        f"""
        create or replace temp table segment_difference as
        with folded as ({folded_sql(lake, as_of, "marts.identity_map")}),
        compared as (
            select
                coalesce(members.segment, folded.segment) as segment,
                coalesce(members.member_type, folded.member_type) as member_type,
                coalesce(members.member_id, folded.member_id) as member_id,
                coalesce(members.account_id, folded.account_id) as account_id,
                members.member_id is not null as is_member,
                folded.member_id is not null as was_member
            from intermediate.int_segment_members as members
            full join folded
                on members.segment = folded.segment
                and members.member_type = folded.member_type
                and members.member_id = folded.member_id
        )
        select * from compared
        """
    )
    counts = connection.execute(
        """
        select segment, member_type,
            count(*) filter (where was_member), count(*) filter (where is_member),
            count(*) filter (where is_member and not was_member),
            count(*) filter (where was_member and not is_member)
        from segment_difference group by all
        """
    ).fetchall()
    known = {(segment, kind): rest for segment, kind, *rest in counts}
    former = {segment for segment, _ in known} - set(segments.segments)
    evaluations = [
        _evaluation(key, segment, known.get((key, segment.unit), [0, 0, 0, 0]), accepted)
        for key, segment in sorted(segments.segments.items())
    ]
    hashes = {found.segment: found.definition_hash for found in evaluations}
    hashes |= dict.fromkeys(former, "")
    moving = [e.segment for e in evaluations if e.status == APPLIED] + sorted(former)
    connection.register(
        "segment_hashes",
        pa.table(
            {
                "segment": pa.array(moving, pa.string()),
                "definition_hash": pa.array([hashes[key] for key in moving], pa.string()),
            }
        ),
    )
    changes = connection.execute(
        """
        select segment, member_type, member_id, account_id,
            case when is_member then 'entered' else 'left' end as change,
            definition_hash, cast($1 as bigint) as sequence, cast($2 as timestamp) as known_at
        from segment_difference join segment_hashes using (segment)
        where is_member != was_member
        order by segment, member_type, member_id
        """,
        [sequence, as_of],
    ).to_arrow_table()
    connection.unregister("segment_hashes")
    connection.execute("drop table segment_difference")
    return Difference(changes.cast(STREAMS[CHANGES].schema), evaluations)


def commit(
    difference: Difference,
    lake: Lake,
    as_of: datetime,
    snapshot_id: str,
    samples: Mapping[str, tuple[int, int, int, int]],
) -> bool:
    """Store what a run found, once for an ``as_of`` and input snapshot; whether it was new.

    ``samples`` has, of some segments, how many were looked at twice, how many the SQL and how
    many the other evaluation put into the segment, and how many both did.
    """
    batch = f"{iso(as_of)}:{snapshot_id}"
    sequence = len(lake.entries(EVALUATIONS)) + 1
    rows = [
        {
            "segment": found.segment,
            "definition_hash": found.definition_hash,
            "status": found.status,
            "members_before": found.members_before,
            "members": found.members,
            "entered": found.entered,
            "departed": found.departed,
            **dict(
                zip(
                    ("sampled", "sample_found", "sample_true", "sample_both"),
                    samples.get(found.segment, (None,) * 4),
                    strict=True,
                )
            ),
            "sequence": sequence,
            "known_at": as_of,
        }
        for found in difference.evaluations
    ]
    # The changes first: a run killed in between commits the same evaluation again.
    if lake.has(EVALUATIONS, batch):
        return False
    lake.commit(CHANGES, batch, difference.changes)
    schema = STREAMS[EVALUATIONS].schema
    return lake.commit(EVALUATIONS, batch, pa.Table.from_pylist(rows, schema=schema))


def is_large(segment: Segment, before: int, entered: int, departed: int) -> bool:
    """Whether more of the members ``before`` come and go than the segment's ``max_change``."""
    return before >= HELD_FROM and entered + departed > segment.max_change * before


def accept(lake: Lake, key: str, segment: Segment, now: datetime) -> None:
    """Let the next change of this definition through, however large."""
    row = {
        "segment": key,
        "definition_hash": segment.hash,
        "sequence": len(lake.entries(EVALUATIONS)),  # what is applied after this uses it up
        "known_at": now,
    }
    number = len(lake.entries(ACCEPTANCES)) + 1
    schema = STREAMS[ACCEPTANCES].schema
    lake.commit(ACCEPTANCES, f"{number}:{key}", pa.Table.from_pylist([row], schema=schema))


def folded_sql(lake: Lake, as_of: datetime, identities: str) -> str:
    """A SELECT of who is in by the changes known at ``as_of``, as the contacts of today."""
    return f"""
        select changes.segment, changes.member_type,
            coalesce(identities.contact_id, changes.member_id) as member_id,
            arg_max(changes.account_id, changes.sequence) as account_id
        from (
            select *, case when member_type = 'contact' then member_id end as identifier_key
            from ({lake.relation_sql(CHANGES, as_of)})
        ) as changes
        left join (select * from {identities} where contact_id is not null) as identities
            on changes.identifier_key = identities.identifier_key
        group by all
        having arg_max(changes.change, (changes.sequence, changes.change)) = 'entered'
    """


def _evaluation(
    key: str, segment: Segment, counts: list[int], accepted: dict[str, str]
) -> Evaluation:
    before, members, entered, departed = counts
    is_held = is_large(segment, before, entered, departed) and accepted.get(key) != segment.hash
    status = HELD if is_held else APPLIED
    return Evaluation(key, segment.hash, status, before, members, entered, departed)


def _accepted(lake: Lake) -> dict[str, str]:
    """Segment -> the definition whose next change was accepted and is not yet applied."""
    applied: dict[str, int] = {}
    for row in lake.read(EVALUATIONS).to_pylist():
        if row["status"] == APPLIED:
            applied[row["segment"]] = max(applied.get(row["segment"], 0), row["sequence"])
    return {
        row["segment"]: row["definition_hash"]
        for row in lake.read(ACCEPTANCES).to_pylist()
        if row["sequence"] >= applied.get(row["segment"], 0)
    }
