"""Faults of a page's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reverse_etl.control_room.definitions import Page
from tests.reverse_etl.control_room.pages import FIGURE
from workspace.definitions.reading import DefinitionError, read


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"draw": {"kind": "lines", "x": "name"}}, "lines need y"),
        ({"draw": {"kind": "tiles", "label": "name"}}, "tiles need value"),
        ({"draw": {"kind": "bars", "x": "name", "y": "amount"}}, "no column 'amount'"),
        ({"period": "month"}, "no column 'month'"),
        ({"columns": {"name": {"label": "N", "kind": "unit"}}}, "needs the column unit"),
        ({"columns": {"name": {"label": "N", "kind": "euro"}}}, "kind"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_faults(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    path = tmp_path / "one.yml"
    page = {"position": 1, "title": "One", "about": "Tests.", "figures": [FIGURE | changes]}
    path.write_text(yaml.safe_dump(page))
    with pytest.raises(DefinitionError, match=told):
        read(path, Page)
