"""The audit chain in runs: edits are noted, and nothing is published over a broken one."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from dagster_project import runs
from reverse_etl.publish.publisher import current_version
from tests.end_to_end.runner import Finished, ask, run
from tests.workspace.test_audit import TABLE, unlock
from workspace import settings
from workspace.lake import Lake
from workspace.ledger import anchors, open_ledger


def test_a_broken_chain_stops_a_run_and_a_restored_one_goes_on(
    finished: Finished, tmp_path: Path
) -> None:
    opened = finished.copied(tmp_path / "w")
    edits = (
        "select count(*), count(distinct object) from marts.audit_logs where action like '%.edit'"
    )
    [(count, objects)] = ask(opened, edits)
    assert count == objects > 20
    assert ask(
        opened,
        "select object_kind, is_lost from marts.audit_logs where object = 'segment:advocates'",
    ) == [("segment", False)]
    before = current_version(opened.paths)
    ledger = open_ledger(opened.ledger_url)
    unlock(ledger)
    with ledger.writing() as connection:
        connection.execute(sa.delete(TABLE).where(TABLE.c.position == count))
    outcome = runs.run(opened)
    assert not outcome.succeeded
    assert any("the_chain_holds" in fault for fault in outcome.faults), outcome.faults
    assert current_version(opened.paths) == before

    places = anchors.Places(
        ledger, Lake(opened.paths.lake), opened.paths.root, settings.witness_root()
    )
    anchors.accept(places, opened.present(), "ana", "restored from the backup of Monday")
    run(opened)
    assert current_version(opened.paths) != before
    lost = "select position, object_kind from marts.audit_logs where is_lost"
    [(position, _)] = ask(opened, lost)
    assert position == count
    told = (
        "select action from marts.audit_logs where position >= $1 and not is_lost order by position"
    )
    actions = [action for (action,) in ask(opened, told.replace("$1", str(count)))]
    # What the lost entry had noted is noted again: the chain does not say it any more.
    assert actions[0] == anchors.ACCEPT and actions[1:] and actions[1].endswith(".edit")
    assert anchors.verify(places).broken is None
    ledger.close()
