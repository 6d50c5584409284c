"""The small world behind its first run, made once for all tests."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import MadeOnce
from tests.end_to_end.runner import Finished, run, small


@pytest.fixture(scope="session")
def finished(made_once: MadeOnce) -> Finished:
    def fill(folder: Path) -> None:
        opened = small(folder / "w", folder / "files")
        began = time.monotonic()
        run(opened)
        (folder / "seconds").write_text(str(time.monotonic() - began))

    return Finished(made_once("small", fill))
