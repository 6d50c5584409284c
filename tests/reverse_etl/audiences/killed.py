"""A sync in a process of its own, to be killed: ``python -m tests.reverse_etl.audiences.killed
FOLDER URL``, 200 members in requests of five."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from reverse_etl.audiences import sync
from reverse_etl.audiences.registry import CAPABILITIES, Desk
from sandbox.servers import meta_audiences
from tests.reverse_etl.audiences.worlds import AT, LIST, NEVER, member, people
from workspace.ledger import open_ledger
from workspace.ledger.audiences import Place

MEMBERS, SIZE = 200, 5


def run(folder: Path, url: str) -> sync.Report:
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}")
    desk = Desk(meta_audiences.environment(url), True)
    destination = desk.open("spring", "meta")
    destination.capabilities = replace(CAPABILITIES["meta"], batch_size=SIZE)
    from reverse_etl.audiences.normalise import META

    request = sync.Request(
        Place("meta", "spring"), "members", "allowed", META, ["email"], NEVER, LIST
    )
    try:
        with people([member(n) for n in range(MEMBERS)]) as connection:
            return sync.sync(connection, ledger, request, destination, AT)
    finally:
        ledger.close()


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
