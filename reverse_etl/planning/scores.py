"""What another ``scoring.yml`` would do: who moves from band to band, from stage to stage.

Both sides are relations with the columns of the marts; who computes the other one is not said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

#: The marts that ``scoring.yml`` decides and that are compared.
MARTS = ("lead_scores", "engagement_scores", "buyer_stages")
#: A score that moves by less has not moved: sums are added up in no fixed order.
SAME = 1e-6
SHOWN = 10


@dataclass(frozen=True)
class Move:
    """So many contacts of a vertical that go from one band or stage to another."""

    vertical: str
    before: str
    after: str
    contacts: int


@dataclass(frozen=True)
class Mover:
    """A contact whose score moves; bands are None where the score has none."""

    contact_id: str
    vertical: str
    score_before: float
    score_after: float
    band_before: str
    band_after: str


@dataclass(frozen=True)
class Moved:
    """What becomes of one score. ``mean_change`` is over all contacts; ``changed`` counts those
    whose score or band is another; ``largest`` are the largest moves of the score, up to
    :data:`SHOWN`."""

    score: str
    contacts: int
    changed: int
    mean_change: float
    moves: list[Move] = field(default_factory=list)
    largest: list[Mover] = field(default_factory=list)


def compare(
    connection: duckdb.DuckDBPyConnection,
    after: Mapping[str, str],
    engaged_from: tuple[float, float],
) -> list[Moved]:
    """Each mart that would change, as it stands against ``after`` (mart -> relation).

    ``engaged_from`` is the engagement score from which a contact counts as engaged, before and
    after: engagement has no other bands. A contact without a vertical is of ``unassigned``.
    """
    old, new = engaged_from
    # The score and the band of each mart, before and after.
    columns = {
        "lead_scores": ("lead_score", "band", "band"),
        "engagement_scores": ("engagement_score", _engaged(old), _engaged(new)),
        "buyer_stages": ("stage_rank", "stage", "stage"),
    }
    found = []
    for mart, (score, band_before, band_after) in columns.items():
        is_engagement = mart == "engagement_scores" and old != new
        relation = after.get(mart) or (f"marts.{mart}" if is_engagement else None)
        if relation is not None:
            _join(connection, mart, relation, score, band_before, band_after)
            found.append(_moved(connection, mart))
    return found


def _engaged(limit: float) -> str:
    return f"case when engagement_score >= {limit!r} then 'engaged' else 'not engaged' end"


def _join(
    connection: duckdb.DuckDBPyConnection,
    mart: str,
    relation: str,
    score: str,
    band_before: str,
    band_after: str,
) -> None:
    sides = (("was", f"marts.{mart}", band_before), ("will", relation, band_after))
    queries = [
        f"{name} as (select contact_id, vertical, cast({score} as double) as score, "
        f"{band} as band from {source})"
        for name, source, band in sides
    ]
    connection.execute(
        f"""
        create or replace temp table planned_scores as
        with {", ".join(queries)}
        select
            coalesce(was.contact_id, will.contact_id) as contact_id,
            coalesce(was.vertical, will.vertical, 'unassigned') as vertical,
            coalesce(was.score, 0) as score_before, coalesce(will.score, 0) as score_after,
            coalesce(was.band, 'none') as band_before, coalesce(will.band, 'none') as band_after
        from was full join will on was.contact_id = will.contact_id
        """
    )


def _moved(connection: duckdb.DuckDBPyConnection, mart: str) -> Moved:
    changed = f"(abs(score_after - score_before) > {SAME} or band_before <> band_after)"
    totals = connection.execute(
        f"select count(*), count(*) filter (where {changed}), "
        "coalesce(avg(score_after - score_before), 0) from planned_scores"
    ).fetchone()
    assert totals is not None
    moves = connection.execute(
        "select vertical, band_before, band_after, count(*) from planned_scores "
        "where band_before <> band_after group by all order by 4 desc, 1, 2, 3"
    ).fetchall()
    largest: Sequence[tuple] = connection.execute(
        f"select contact_id, vertical, score_before, score_after, band_before, band_after "
        f"from planned_scores where abs(score_after - score_before) > {SAME} "
        f"order by round(abs(score_after - score_before), 6) desc, contact_id limit {SHOWN}"
    ).fetchall()
    return Moved(
        mart, *totals, moves=[Move(*row) for row in moves], largest=[Mover(*row) for row in largest]
    )
