"""Published features of one subject: those of the version in force, for whom a model scored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from reverse_etl.publish.features import Features
from workspace.paths import Paths

NEW, OLD = datetime(2026, 10, 1), datetime(2026, 9, 1)


def publish(paths: Paths, version: str, uses: float, scored: str) -> None:
    folder = paths.published / version
    features, predictions = folder / "contact_feature_snapshots", folder / "predictions"
    for path in (features, predictions):
        path.mkdir(parents=True)
    rows = (
        f"('ana', timestamp '{OLD}', 1.5), ('ana', timestamp '{NEW}', {uses}), "
        f"('bea', timestamp '{NEW}', 7.5)"
    )
    with duckdb.connect() as connection:
        for path, query in (
            (features, f"from (values {rows}) as t(contact_id, snapshot_at, uses)"),
            (
                predictions,
                "select 'engagement' as model, 'contact' as subject_type, "
                f"'{scored}' as subject_id",
            ),
        ):
            connection.execute(f"create or replace table made as {query}")
            connection.table("made").write_parquet(str(path / "all.parquet"))
    link = paths.published / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(version)


def test_the_row_of_the_last_snapshot_of_the_version_in_force(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "it's here")
    found = Features(paths)
    assert found.of("engagement", "contact", "ana") is None
    publish(paths, "one", 2.5, "ana")
    for _ in range(2):
        row = found.of("engagement", "contact", "ana")
        assert row is not None
        (told,) = row.to_pylist()
        assert (told["contact_id"], told["snapshot_at"], float(told["uses"])) == ("ana", NEW, 2.5)
    assert found.of("engagement", "contact", "bea") is None
    assert found.of("conversion", "contact", "ana") is None
    assert found.of("engagement", "account", "ana") is None
    assert found.of("engagement", "contact", "' or true --") is None
    publish(paths, "two", 3.5, "bea")
    assert found.of("engagement", "contact", "ana") is None
    row = found.of("engagement", "contact", "bea")
    assert row is not None and float(row.to_pylist()[0]["uses"]) == 7.5
    found.close()
