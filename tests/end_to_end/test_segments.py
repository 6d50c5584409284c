"""Segments over the life of a workspace: asked about, edited, held, accepted, looked back at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from tests.end_to_end import inputs
from tests.end_to_end.runner import Finished, ask, ingest, marts, run
from workspace.lake import Lake
from workspace.settings import Settings

DAY = "2025-08-01T00:00:00Z"
SURGEONS = "name: Surgeons\nwhere: {field: contact.role, is: surgeon}\n"
MEMBERS = "select contact_id from marts.segment_memberships where segment = 'surgeons' order by 1"


def contacts(path: Path) -> Path:
    """60 surgeons and 40 lawyers; a third of the surgeons came after ``DAY``."""
    return inputs.ndjson(
        path,
        [
            {
                "id": f"p{n}",
                "objectType": "contacts",
                "createdAt": at,
                "updatedAt": at,
                "properties": {
                    "email": f"p{n}@x.example",
                    "buying_role": "surgeon" if n < 60 else "legal",
                    "vertical": "medical",
                    "age": str(25 + n),
                },
            }
            for n in range(100)
            for at in [f"2025-0{9 if n < 20 else 3}-01T00:00:00Z"]
        ],
    )


def asked(opened: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["segments", arguments[0], "--workspace", str(opened.paths.root), *arguments[1:]]
    )


def test_the_life_of_a_segment(finished: Finished, tmp_path: Path, marketing_folder: Path) -> None:
    surgeons = marketing_folder / "segments" / "surgeons.yml"
    surgeons.write_text(SURGEONS)
    opened = finished.copied(tmp_path / "w")
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    run(opened)
    everyone = ask(opened, MEMBERS)
    assert len(everyone) == 60
    told = ask(
        opened,
        """
        select sampled > 0, segment_precision, segment_recall from marts.segment_accuracy
        where segment = 'surgeons'
        """,
    )
    assert told == [(True, 1.0, 1.0)]
    first = asked(opened, "preview", "surgeons", "--sample", "2")
    assert first.exit_code == 0 and "60 contacts" in first.output

    # Two runs in a row add no change, and neither does deleting the warehouse.
    lake = Lake(opened.paths.lake)
    changes, before = lake.rows("segment_changes"), marts(opened)
    opened.paths.warehouse.unlink()
    run(opened)
    assert lake.rows("segment_changes") == changes
    assert {k: v for k, v in marts(opened).items() if k not in ("run_log", "watermarks")} == {
        k: v for k, v in before.items() if k not in ("run_log", "watermarks")
    }

    # Why, for an address, with the evidence.
    why = asked(opened, "explain", "p3@x.example", "surgeons")
    assert why.exit_code == 0
    assert "yes segment surgeons" in why.output and "it is surgeon" in why.output
    why_not = asked(opened, "explain", "p80@x.example", "surgeons")
    assert "no  segment surgeons" in why_not.output and "it is legal" in why_not.output

    # A snapshot stays when members go.
    kept = asked(opened, "snapshot", "surgeons")
    assert kept.exit_code == 0 and "holds 60 contacts" in kept.output

    # An edit is planned, held by the run, accepted and then applied.
    surgeons.write_text(
        SURGEONS.replace("{field", "{all: [{field").replace(
            "surgeon}", "surgeon}, {field: contact.age, below: 35}]}"
        )
    )
    planned = asked(opened, "plan")
    assert planned.exit_code == 1 and "would be held" in planned.output
    run(opened)
    assert ask(opened, MEMBERS) == everyone
    assert ask(opened, "select is_held from marts.marketing_segments where is_current") == [(True,)]
    assert asked(opened, "accept", "surgeons").exit_code == 0
    run(opened)
    assert len(ask(opened, MEMBERS)) == 10
    assert asked(opened, "plan").output.startswith("the files say what is in force")
    spells = ask(
        opened,
        """
        select count(*), count(left_at), count(distinct entered_by_definition)
        from marts.segment_membership_history where segment = 'surgeons'
        """,
    )
    assert spells == [(60, 50, 1)]
    assert ask(opened, "select count(*) from marts.segment_snapshots") == [(60,)]

    # Looking back: that day's data needs that day's run; then every reading has its number.
    missing = asked(opened, "preview", "surgeons", "--on", DAY)
    assert f"marketing run --as-of {DAY}" in " ".join(missing.output.split())
    run(opened, DAY)
    back = asked(opened, "preview", "surgeons", "--on", DAY)
    assert back.exit_code == 0
    lines = {line.rsplit("  ", 4)[0].strip(): line for line in back.output.splitlines()}
    today = next(line for line in lines.values() if "today's definition on that day" in line)
    assert today.split()[-3] == "0"  # below 35 came after that day
    assert lake.rows("segment_changes") == changes + 50

    # A retired segment's members leave.
    surgeons.unlink()
    run(opened)
    assert ask(opened, MEMBERS) == []
    assert ask(
        opened, "select count(*) from marts.segment_membership_history where left_at is null"
    ) == [(0,)]
    statuses = "select distinct status from marts.marketing_segments where segment = 'surgeons'"
    assert sorted(ask(opened, statuses)) == [("active",), ("retired",)]


def test_what_is_asked_in_vain_is_told(
    finished: Finished, tmp_path: Path, marketing_folder: Path
) -> None:
    folder = marketing_folder / "segments"
    (folder / "surgeons.yml").write_text(SURGEONS)
    (folder / "unseen.yml").write_text("name: U\nwhere: {event: demo_bookd}\n")
    opened = finished.copied(tmp_path / "w")
    run(opened)
    unseen = asked(opened, "preview", "unseen")
    assert unseen.exit_code == 2 and "no event 'demo_bookd' was ever seen" in unseen.output
    near = asked(opened, "preview", "surgeon")
    assert near.exit_code == 2 and "did you mean 'surgeons'?" in near.output
    nobody = asked(opened, "explain", "nobody", "surgeons")
    assert nobody.exit_code == 2 and "no contact or account has the id nobody" in nobody.output
    bad_day = asked(opened, "preview", "surgeons", "--on", "yesterday")
    assert bad_day.exit_code == 2 and "is not a time" in bad_day.output
    (folder / "broken.yml").write_text("name: B\nwhere: {field: contact.rol, is: x}\n")
    broken = asked(opened, "list")
    assert broken.exit_code == 2
    assert "broken.yml:2: where.field: no field 'contact.rol'" in broken.output
    refused = CliRunner().invoke(app, ["run", "--workspace", str(opened.paths.root)])
    assert refused.exit_code == 2 and "broken.yml:2" in refused.output


def test_an_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    for command in (["list"], ["preview", "current_customers"], ["plan"]):
        told = CliRunner().invoke(
            app, ["segments", command[0], "--workspace", str(tmp_path / "w"), *command[1:]]
        )
        assert told.exit_code == 2 and "'marketing run' publishes" in told.output
    assert datetime.fromisoformat(DAY)
