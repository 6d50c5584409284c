"""The page that shows the read API, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_consent_pages import AXE, browser, window
from tests.end_to_end.test_ui import CHROMIUM
from tests.ingestion.collector.serving import as_process

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("docs")
    with as_process(folder / "w") as (served, _):
        yield f"{served.url}/api/v1/docs"


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light"), (1920, "light")])
def test_it_reads_well(browser: Any, address: str, width: int, scheme: str) -> None:
    with window(browser, width, scheme) as page:
        page.goto(address)
        page.wait_for_selector("main h2, main h3")
        assert "/api/v1/contacts" in page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for summary in page.locator("summary").all():
            summary.click()
        if AXE.exists():
            page.evaluate(AXE.read_text())
            found = page.evaluate("() => axe.run()")["violations"]
            assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
