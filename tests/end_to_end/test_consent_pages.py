"""The pages behind a mail's links, in a real browser, by keyboard alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingestion.consent.standing import Published
from reverse_etl.content.library import Library, Rendered, Request
from reverse_etl.content.own_pages import addresses
from reverse_etl.content.preview import samples
from tests.end_to_end.test_ui import CHROMIUM, FLAGS
from tests.ingestion.consent.offices import AT, KEY, KEYRING, REQUEST, TOKEN, World, serving
from workspace.ledger import open_ledger
from workspace.paths import PROJECT

NODE = Path(os.environ.get("MARKETING_NODE") or PROJECT / ".venv" / "node")
AXE = NODE / "node_modules" / "axe-core" / "axe.min.js"
PREFERENCES = replace(TOKEN, what="preferences")
STATES = [
    ("newsletter", "email", "granted", None),
    ("events", "email", "pending", None),
    ("marketing", "email", "withdrawn", "withdrawn"),
    ("marketing", "sms", "granted", None),
]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    rows = [
        {
            "purpose": purpose,
            "channel": channel,
            "state": state,
            "provider_state": provider,
            "crm_state": None,
        }
        for purpose, channel, state, provider in STATES
    ]
    with serving(ledger, published=Published(rows, AT)) as opened:
        yield opened
    ledger.close()


@contextmanager
def window(browser: Any, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """A page that may ask nobody but the server; what else it asks for fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=True
    )
    page = context.new_page()
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: faults.append(message.text))
    yield page
    context.close()
    assert all(url.startswith(("http://127.0.0.1:", "about:")) for url in asked), asked
    assert not [text for text in faults if "Content Security Policy" in text]


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until what the selector finds has the focus, which must be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
            style = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", f"the focus on {selector} is not seen"
            return
    raise AssertionError(f"{selector} is not reached by keyboard")


def enter(page: Any) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def mail(world: World) -> str:
    """A mail's HTML as it is sent, its links leading to the server."""
    name = "medical_weekly_newsletter"
    with Library.load(PROJECT / "marketing") as library:
        site = library.senders["medical"].website_url.rstrip("/")
        row = {
            **{"intent_id": TOKEN.reference, "channel": "email", "email_key": KEY},
            **{"purpose": "newsletter", "sent_from": TOKEN.at},
        }
        own = addresses(KEYRING, site, row, "medical", "fr")
        request = Request(name, "email", "fr", {**samples(library, name), **own}, frozenset())
        (answer,) = library.render([request])
    assert isinstance(answer, Rendered)
    return str(answer.content["html"]).replace(site, world.url)


def test_the_mails_link_unsubscribes(browser: Any, world: World) -> None:
    html = mail(world)
    with window(browser) as page:
        page.route("**/*.png", lambda route: route.abort())
        page.set_content(html)
        tab_to(page, 'a[href*="/u/"]')
        enter(page)
        assert page.title().startswith("Se désabonner") and world.events() == []
        tab_to(page, "button")
        enter(page)
        assert page.locator("[role=status]").is_visible()
        assert [e["purpose"] for e in world.events()] == ["all"]
        # And on to the choices, whose boxes now are empty.
        tab_to(page, 'a[href*="/p/"]')
        enter(page)
        assert page.locator("input[type=checkbox]:checked").count() == 1  # of text messages


def test_choices_by_keyboard(browser: Any, world: World) -> None:
    with window(browser) as page:
        page.goto(world.address(PREFERENCES))
        tab_to(page, "#newsletter-email")
        page.keyboard.press("Space")
        tab_to(page, "#email_tracking-email")
        page.keyboard.press("Space")
        tab_to(page, 'button[value="save"]')
        enter(page)
        assert "enregistrés" in page.locator("[role=status]").inner_text()
        found = {(e["purpose"], e["state"]) for e in world.events()}
        assert found == {("newsletter", "withdrawn"), ("email_tracking", "granted")}
        tab_to(page, 'button[value="object"]')
        enter(page)
        tab_to(page, 'button[value="nothing"]')
        enter(page)
        assert [e["state"] for e in world.events()][2:] == ["objection", "withdrawn"]
        tab_to(page, 'a[hreflang="en"]')
        enter(page)
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("h1").inner_text() == "Your choices"


def test_double_opt_in_by_keyboard(browser: Any, world: World) -> None:
    with window(browser) as page:
        page.goto(world.address(REQUEST))
        assert "rappels par SMS" in page.locator("blockquote").inner_text()
        tab_to(page, "button")
        enter(page)
        assert [e["mechanism"] for e in world.events()] == ["double_opt_in"]
        page.reload()  # the browser sends the form again
        assert len(world.events()) == 1 and "confirmé" in page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_every_page_is_accessible(
    browser: Any, world: World, width: int, scheme: str, tmp_path: Path
) -> None:
    with window(browser, width, scheme) as page:
        for name, url in {
            "unsubscribe": world.address(TOKEN),
            "preferences": world.address(PREFERENCES),
            "confirm": world.address(REQUEST),
            "unknown": f"{world.url}/u/x",
        }.items():
            page.goto(url)
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} px wide"
            for found in page.locator("button, a, input[type=checkbox]").all():
                box = found.bounding_box()
                assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
            page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
            assert violations(page) == [], name
            if page.locator("button").count():
                with page.expect_navigation():
                    page.locator("button").first.click()
                assert violations(page) == [], f"{name}, answered"
                page.screenshot(path=tmp_path / f"{name}-done-{width}-{scheme}.png", full_page=True)


def violations(page: Any) -> list[str]:
    """What axe finds."""
    if not AXE.exists():
        pytest.skip(f"axe-core is not installed in {NODE}")
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run()")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
