"""Scoring everybody by the champions, and storing whose score moved.

A score is in force until another one of its subject is stored. Stored are those of subjects that
are new, whose score moved by at least ``least_change`` points, or that another version scores; a
row without a probability says that a subject is no longer scored. Asked again at the same
``as_of``, of the same input and decisions, nothing is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import polars as pl

from models_ml.operations import frames, records
from models_ml.operations.retraining import Place
from models_ml.operations.specs import PLANS, Plan
from models_ml.registry import decisions as deciding
from models_ml.registry import manifest, store
from models_ml.registry.decisions import Decision
from models_ml.registry.store import Loaded, NotLoaded
from models_ml.supervised.drift import drift
from models_ml.supervised.faults import Finding, Refused
from models_ml.supervised.scoring import score
from models_ml.supervised.spec import SNAPSHOT
from workspace.clock import iso

Row = records.Row
NOBODY = "no version was promoted by as_of ('marketing models train' does)"
#: A version that was passed over, and why: ``fault: detail``.
Passed = tuple[str, str]


@dataclass(frozen=True)
class Scored:
    """What one model's scoring came to. Without ``version`` nothing was scored, and ``detail`` says
    why. ``refused`` has the versions that could not be loaded, or not score today's features, with
    the reason; ``drift`` what was last found to have drifted (`records.drifted`); ``unseen`` says
    that decisions lie after ``as_of`` (`records.unseen`)."""

    model: str
    version: str | None = None
    refused: tuple[Passed, ...] = ()
    subjects: int = 0
    stored: int = 0
    detail: str = ""
    drift: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unseen: str | None = None

    @property
    def is_fallback(self) -> bool:
        return self.version is not None and bool(self.refused)

    @property
    def told(self) -> str | None:
        """A sentence where the champion did not score, or decisions lie after ``as_of``; None where
        all is well, or there is no champion."""
        said = [self.unseen] if self.unseen else []
        if self.refused:
            passed = "; ".join(f"{version} {why}" for version, why in self.refused)
            if self.version is None:
                told = "no version can score, and the scores in force stay"
            else:
                told = f"{self.version} stands in for the champion"
            said.append(f"{told} ({passed})")
        return f"{self.model}: {'; '.join(said)}" if said else None


def score_all(connection: duckdb.DuckDBPyConnection, place: Place) -> list[Scored]:
    """Score by every model that is switched on and has a champion."""
    known = records.decisions(place.lake, place.as_of)
    done = []
    for name in place.definitions.enabled:
        unseen = records.unseen(place.lake, name, place.as_of)
        done.append(replace(_score(connection, place, PLANS[name], known), unseen=unseen))
    return done


def _score(
    connection: duckdb.DuckDBPyConnection, place: Place, plan: Plan, known: Sequence[Decision]
) -> Scored:
    candidates = deciding.succession(known, plan.name)
    if not candidates:
        return Scored(plan.name, detail=NOBODY)
    root = records.registry(place.lake)
    number = sum(one.model == plan.name for one in known)
    stamp = f"{iso(place.as_of)}:{place.snapshot_id}:{plan.name}"
    refused: list[Passed] = []
    for version in candidates:
        try:
            loaded = store.load(root, plan.name, version, place.keyring)
            batch = f"{stamp}:{version}:{number}"
            return _score_by(connection, place, plan, loaded, batch, tuple(refused))
        except (NotLoaded, Refused) as error:
            refused.append((version, str(error)))
    batch = f"{stamp}:{number}"
    _watch(place, plan, candidates[0], refused, batch, lambda: [_subjects(0)])
    return Scored(plan.name, refused=tuple(refused), detail="no version can score")


def _score_by(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    plan: Plan,
    loaded: Loaded,
    batch: str,
    refused: tuple[Passed, ...],
) -> Scored:
    """Raises :class:`Refused` where the version cannot score today's features; nothing is stored
    then."""
    version = loaded.version
    if place.lake.has(records.PREDICTIONS, batch):
        before = records.drifted(place.lake, plan.name, place.as_of)
        return Scored(plan.name, version, refused, detail="scored before", drift=before)
    frame = frames.current(connection, plan)
    changes, findings = _changes(connection, place, plan, loaded, frame)
    _watch(place, plan, version, refused, batch, lambda: _measured(loaded, frame))
    common = {
        "model": plan.name,
        "version": version,
        "subject_type": plan.subject,
        "features_at": frame[SNAPSHOT].max() if len(frame) else place.as_of,
        "as_of": place.as_of,
        "snapshot_id": place.snapshot_id,
        "known_at": place.as_of,
    }
    records.keep_scores(place.lake, batch, changes, common)
    return Scored(
        plan.name,
        version,
        refused,
        subjects=len(frame),
        stored=len(changes),
        drift=records.drifted(place.lake, plan.name, place.as_of),
        findings=findings,
    )


def _changes(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    plan: Plan,
    loaded: Loaded,
    frame: pl.DataFrame,
) -> tuple[pl.DataFrame, list[Finding]]:
    """The scores to store, and what is odd about the rows. Contributions are worked out for what is
    stored alone."""
    before = _in_force(connection, place, plan)
    scores, findings = score(loaded.spec, loaded.fitted, frame, top=0)
    scores = scores.drop("contributions")
    compared = scores.join(before, on="subject_id", how="left", suffix="_before")
    least = place.definitions.scoring.least_change
    has_moved = (
        (pl.col("version") != loaded.version)
        | ((pl.col("score") - pl.col("score_before")).abs() >= max(least, 1e-9))
    ).fill_null(True)
    moved = compared.filter(has_moved).select("subject_id")
    ident = plan.subject_id
    rows = frame.join(moved, left_on=ident, right_on="subject_id", how="semi")
    top = place.definitions.scoring.contributions
    told, _ = score(loaded.spec, loaded.fitted, rows, top)
    gone = before.join(scores, on="subject_id", how="anti").select(
        "subject_id",
        *(pl.lit(None, pl.Float64).alias(name) for name in ("probability", "score")),
        pl.lit(None, pl.String).alias("contributions"),
    )
    return pl.concat([told.select(gone.columns), gone], how="vertical_relaxed"), findings


def _in_force(connection: duckdb.DuckDBPyConnection, place: Place, plan: Plan) -> pl.DataFrame:
    """Subjects with a score: ``subject_id``, ``version``, ``score``."""
    stored = place.lake.relation_sql(records.PREDICTIONS, place.as_of)
    return connection.execute(
        f"""
        select subject_id, last.version as version, last.score as score
        from (
            select subject_id, arg_max({{'version': version, 'score': score}}, sequence) as last
            from ({stored}) as stored
            where model = $1 and subject_type = $2
            group by subject_id
        )
        where last.score is not null
        """,
        [plan.name, plan.subject],
    ).pl()


# ---- what is measured, once a day ------------------------------------------------------------


def _watch(
    place: Place,
    plan: Plan,
    version: str,
    refused: Sequence[Passed],
    batch: str,
    measured: Callable[[], Iterable[Row]],
) -> None:
    """Store what was passed over and what is ``measured`` of the version: on the first scoring of a
    day (UTC), and where another version scores or another one was refused."""
    faults = sorted([passed, why.partition(": ")[0]] for passed, why in refused)
    state = [f"{place.as_of:%Y-%m-%d}", version, *faults]
    entries = place.lake.entries(records.METRICS)
    before = [e.meta["state"] for e in entries if e.meta.get("scoring") == plan.name]
    if before and before[-1] == state:
        return
    of = {"model": plan.name, "metric_window": "scoring"}
    rows = [
        {**of, "version": passed, "slice": "all", "metric": "refused", "value": 1.0, "detail": why}
        for passed, why in refused
    ]
    rows += [{**of, "version": version, **row} for row in measured()]
    meta = {"scoring": plan.name, "state": state}
    key = f"scoring:{len(entries) + 1}:{batch}"
    records.keep_metrics(place.lake, key, rows, place.as_of, place.snapshot_id, meta)


def _subjects(rows: int, of: str = "all") -> Row:
    return {"slice": of, "metric": "subjects", "value": float(rows), "rows": rows}


def _measured(loaded: Loaded, frame: pl.DataFrame) -> Iterator[Row]:
    """How many are scored, of which vertical, and how far they drifted."""
    yield _subjects(len(frame))
    for part in frame.group_by("vertical").len().sort("vertical").to_dicts():
        yield _subjects(part["len"], f"vertical={part['vertical']}")
    if not len(frame):
        return
    reference = manifest.frame(loaded.manifest, "reference")
    for row in drift(loaded.fitted, reference, frame).to_dicts():
        for metric in ("psi", "missing_share", "new_share"):
            found_of = {"slice": f"feature={row['feature']}", "metric": metric}
            told = "drifted" if metric == "psi" and row["is_drifted"] else None
            yield {**found_of, "value": row[metric], "rows": row["rows"], "detail": told}
