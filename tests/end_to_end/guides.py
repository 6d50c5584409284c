"""What the guides show: each statement of `docs/guides/*.md` with the answer of the demo world.

`python -m tests.end_to_end.guides WORKSPACE` writes the answers anew.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import duckdb

from workspace.paths import PROJECT, Paths

GUIDES = PROJECT / "docs" / "guides"
_SHOWN = re.compile(r"```sql\n(?P<query>.*?);\n```\n\n```\n(?P<answer>.*?)```\n", re.DOTALL)


def answered(text: str, published: Path) -> str:
    """A guide with each answer as the published file gives it."""
    with duckdb.connect(str(published), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")

        def answer(found: re.Match[str]) -> str:
            shown = str(connection.sql(found["query"])).rstrip("\n")
            return f"```sql\n{found['query']};\n```\n\n```\n{shown}\n```\n"

        return _SHOWN.sub(answer, text)


if __name__ == "__main__":
    where = Paths(Path(sys.argv[1])).published / "marketing.duckdb"
    for guide in GUIDES.glob("*.md"):
        guide.write_text(answered(guide.read_text(encoding="utf-8"), where), encoding="utf-8")
