"""Where a page is, for somebody who is told of it."""

from __future__ import annotations

from pathlib import Path

from reverse_etl.control_room.linking import link
from workspace.paths import Paths


def test_without_a_public_address_the_link_is_the_pages_file(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "a workspace")
    found = link("overview", "targets", paths, "")
    assert found == f"{tmp_path.as_uri()}/a%20workspace/control_room/index.html#targets"
    assert (
        link("data", None, paths, "https://x.example") == "https://x.example/control-room/data.html"
    )
