"""An erasure in a process of its own, for somebody to kill.

    python -m tests.reverse_etl.privacy.killed_erasure WORKSPACE LEDGER_URL WITNESSES TURN

Says ``ready`` before it begins and ``done`` when everything is proven.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from dagster_project.erasing import Landing
from reverse_etl.privacy import erasing
from reverse_etl.privacy.erasing import Desk
from tests.reverse_etl.privacy import small_world as world
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.paths import Paths


def desk_of(root: Path, url: str, witnesses: Path) -> Desk:
    paths = Paths(root)
    lake = Lake(paths.lake)
    landing = Landing(paths.landing, lake, world.RING)
    ledger = open_ledger(url)
    return Desk(paths, lake, ledger, world.RING, witnesses, landing, lambda: world.NOW, "dpo")


def go_on(desk: Desk, at: datetime) -> bool:
    """What the command does; whether all is done."""
    for work in erasing.unfinished(desk):
        erasing.work_off(desk, work)
        if not erasing.finish(desk, work).is_done:
            return False
    return True


def main(root: str, url: str, witnesses: str, turn: str) -> None:
    desk = desk_of(Path(root), url, Path(witnesses))
    print("ready", flush=True)
    if go_on(desk, world.NOW + timedelta(hours=1, seconds=int(turn))):
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
