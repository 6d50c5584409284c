"""The mark of a restored workspace: nothing runs, sends or is collected there before people who
were erased after the backup are erased again.

It is put there before the first file is, and lifted when the replay of erasures has ended
(`reverse_etl.backups.restoring`); a restore that was killed leaves it standing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workspace import durable

MARK = "restored.json"


class NotReplayed(RuntimeError):
    """A restored workspace that may not be used yet."""


def check(root: Path) -> None:
    """Raises :class:`NotReplayed` where the mark stands; the message says what to do."""
    if (root / MARK).exists():
        raise NotReplayed(
            f"{root} was restored from a backup, and the people erased since are not erased in it "
            "yet: finish with 'marketing restore --resume --into FOLDER' (docs/backups.md)"
        )


def is_marked(root: Path) -> bool:
    return (root / MARK).exists()


def mark(root: Path, facts: dict[str, Any]) -> None:
    """Put the mark; ``facts`` are for whoever looks."""
    durable.write(root / MARK, json.dumps(facts, indent=1).encode() + b"\n", mode=0o600)


def facts(root: Path) -> dict[str, Any]:
    """What the mark says. Raises ``FileNotFoundError`` where there is none."""
    found: dict[str, Any] = json.loads((root / MARK).read_bytes())
    return found


def lift(root: Path) -> None:
    """Take the mark away, durably."""
    (root / MARK).unlink(missing_ok=True)
    durable.fsync_folder(root)
