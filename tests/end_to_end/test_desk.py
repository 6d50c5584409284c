"""The desk of a workspace that ran, in a real browser; and what a run makes of what it says."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from interfaces.cli import app
from interfaces.desk.office import PATH
from reverse_etl.publish import ensure_root
from tests.conftest import MadeOnce
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, open_workspace, run
from tests.end_to_end.test_campaigns import marketing
from tests.end_to_end.test_consent_pages import AXE, browser, enter, tab_to
from tests.end_to_end.test_journeys import DAYS, agree, contacts, event, known
from tests.end_to_end.test_ui import CHROMIUM
from tests.ingestion.collector.serving import as_process
from tests.interfaces.desk.desks import At, chain
from workspace import settings
from workspace.settings import Settings

__all__ = ["browser"]
KEYS = "marketer/ana:key-of-ana,approver/max:key-of-max"
HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}"
JOURNEY = "medical_welcome"
SPRING = "approvals/campaign/spring"
LATER = "2025-09-04T08:00:00Z"
in_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")


def people(path: Path) -> Path:
    """Forty, the last ten of them of the other business, the first with a hostile name."""
    rows = [json.loads(line) for line in contacts(path).read_text().splitlines()]
    rows[0]["properties"]["firstname"] = HOSTILE
    for row in rows[30:]:
        row["properties"]["vertical"] = "public"
    return inputs.ndjson(path, rows)


@pytest.fixture(scope="module")
def made(made_once: MadeOnce) -> Path:
    def fill(folder: Path) -> None:
        definitions = marketing(folder / "marketing")
        spring = definitions / "campaigns" / "spring.yml"
        spring.write_text(spring.read_text().replace("2025-09-02 10:30", "2025-09-04 10:30"))
        with settings.exported(MARKETING_DEFINITIONS=str(definitions)):
            opened = open_workspace(folder / "w", "2025-09-02T00:00:00Z")
            ingest(opened, "crm", people(folder / "contacts.ndjson"))
            forms = [
                event(n, "Form Submitted", DAYS[0] - timedelta(hours=n + 1), form_id="demo")
                for n in range(5)
            ]
            lines = [*map(known, range(40)), *forms]
            ingest(opened, "events", inputs.ndjson(folder / "events.ndjson", lines))
            agree(opened, list(range(25)))
            run(opened)

    return made_once("desk", fill)


@pytest.fixture
def workspace(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    definitions = shutil.copytree(made / "marketing", tmp_path / "marketing")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(definitions))
    shutil.copytree(made / "w", tmp_path / "w", symlinks=True)
    opened = settings.load(tmp_path / "w")
    ensure_root(opened.paths)
    return opened


class Session(requests.Session):
    """Asks one server, and follows nothing."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def request(self, method: Any, url: Any, *more: Any, **options: Any) -> Any:
        options = {"timeout": 120, "allow_redirects": False, **options}
        return super().request(method, self.url + url, *more, **options)


@contextmanager
def serving(opened: Settings, workers: int = 2) -> Iterator[tuple[str, At]]:
    """The server itself, and an approver at its desk."""
    with as_process(opened.paths.root, workers, changed={"MARKETING_READ_KEYS": KEYS}) as (one, _):
        at = At(Session(one.url))
        assert at.sign_in("key-of-max").status_code == 303
        yield one.url, at


def number(pattern: str, page: str) -> list[int]:
    found = re.search(pattern, html.unescape(page))
    assert found, page[-3000:]
    return [int(text.replace(",", "")) for text in found.groups()]


def test_the_plan_and_the_dry_run_are_what_a_run_does(workspace: Settings, tmp_path: Path) -> None:
    ids = [one for (one,) in ask(workspace, "select contact_id from marts.dim_contacts order by 1")]
    file = "contact_id\n" + "\n".join([*ids, "0" * 32])
    before = len(chain(workspace))

    def command(*words: object) -> str:
        at_work = ("--workspace", str(workspace.paths.root))
        result = CliRunner().invoke(app, [*map(str, words), *at_work])
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    with serving(workspace) as (_, at):
        page = at.get(SPRING).text
        goes, total = number(r"<strong>(\d+)</strong> of (\d+) contacts would get it, once", page)
        assert 0 < goes < total == 30 and "nobody has approved it" not in html.unescape(page)
        assert at.decide(SPRING).status_code == 303

        looked = at.post("enrol", journey=JOURNEY, file=file, do="look").text
        enters, asked = number(r"<strong>(\d+)</strong> of (\d+) contacts would enter", looked)
        verdicts = dict(
            (text, int(count))
            for count, text in re.findall(
                r"<summary><strong>(\d+)</strong>: ([^<]+)</summary>", html.unescape(looked)
            )
        )
        assert asked == len(ids) + 1 and sum(verdicts.values()) == asked
        assert verdicts["no contact of that id is published"] == 1
        assert verdicts["is in the journey"] == 5
        assert enters == 25 and len(verdicts) == 4
        listed = html.unescape(re.search(r'name="contacts" value="([^"]*)"', looked)[1])  # type: ignore[index]
        for said in ("new", "already"):
            found = at.post("enrol", journey=JOURNEY, contacts=listed, do="enrol")
            assert f"contacts={enters}&said={said}" in found.headers["location"]
        again = at.post("enrol", journey=JOURNEY, file=file, do="look").text
        assert "asked for before" in again
    # The commands say the same.
    (tmp_path / "people.csv").write_text(file)
    told = command("journeys", "enroll", JOURNEY, tmp_path / "people.csv", "--dry-run")
    assert f"{enters} of {asked} would enter {JOURNEY}" in told
    planned = command("campaigns", "plan", "spring", "--approved")
    assert f"to {total} contacts, of whom {goes} would get it" in planned

    new = chain(workspace)[before:]
    assert [(row["actor"], row["action"]) for row in new] == [
        ("max", "campaign.approve"),
        ("max", "journey.enroll"),
    ]

    entered = f"select contact_id from marts.journey_executions where journey = '{JOURNEY}'"
    known_before = set(ask(workspace, entered))
    workspace.paths.default_as_of.write_text(LATER)
    run(workspace)
    came = {one for (one,) in set(ask(workspace, entered)) - known_before}
    assert came == set(listed.split(",")) and len(came) == enters
    queued = ask(
        workspace,
        "select count(*) filter (outcome = 'underway'), count(*) from marts.message_queue "
        "where source_key = 'spring'",
    )
    assert queued == [(goes, total)]


def test_as_a_chosen_contact_would_get_it(workspace: Settings) -> None:
    query = "select contact_id from pii.contacts where first_name like '<img%'"
    import duckdb

    file = workspace.paths.published_pii / "marketing_pii.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        ((contact,),) = connection.execute(query).fetchall()
    before = len(chain(workspace))
    with serving(workspace) as (_, at):
        for given in (contact, "P0@x.example"):
            found = at.post("preview", template="medical_welcome", contact=given)
            assert f"As contact {contact} would get it" in found.text
            assert "p0@x" not in found.text.lower() and "<img" not in found.text
            assert "&lt;img src&#x3d;x" in found.text or "&lt;img src=x" in found.text
            src = re.search(r'src="([^"]+)"', found.text)
            assert src and "p0" not in html.unescape(src[1]).lower()
            inner = at.client.get(html.unescape(src[1]))
            assert "&lt;img src=x onerror" in inner.text and "<img src=x" not in inner.text
            assert "{{7*7}}" in inner.text and "script-src" not in inner.text
        nobody = at.post("preview", template="medical_welcome", contact="nobody@x.example")
        assert nobody.status_code == 404 and "nobody@" not in nobody.text
    (first, second) = chain(workspace)[before:]
    assert (first["action"], first["subject_key"]) == ("subject.read", contact)
    assert (first["actor"], first["object"]) == ("max", "template:medical_welcome")
    assert second["subject_key"] == contact


def test_a_journey_beside_its_rehearsal(workspace: Settings, tmp_path: Path) -> None:
    path = workspace.definitions / "journeys" / f"{JOURNEY}.yml"
    path.write_text(path.read_text().replace("version: 1", "version: 2\nneeds_approval: true"))
    with serving(workspace, 1) as (_, at):
        page = at.get(f"approvals/journey/{JOURNEY}").text
        assert "version 2 with the next run; 5 are in the journey" in page
        assert "+needs_approval: true" in html.unescape(page)
        page = at.get(f"approvals/journey/{JOURNEY}?rehearse=1").text
        assert "<strong>5</strong> contacts would have entered" in page
        assert at.decide(f"approvals/journey/{JOURNEY}").status_code == 303


# ---- in the browser ------------------------------------------------------------------------------


@contextmanager
def window(browser: Any, url: str, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """A page of the desk; who else is asked, and what the browser complains of, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda told: faults.append(told.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda one: one.url.startswith((url, "data:")) or faults.append(f"asked {one.url}"),
    )
    yield page
    context.close()
    assert faults == []


def sign_in(page: Any, url: str) -> None:
    page.goto(f"{url}{PATH}/")
    tab_to(page, "#key")
    page.keyboard.type("key-of-max")
    enter(page)
    assert "Sign out" in page.locator("header").inner_text()


@in_browser
def test_by_keyboard_alone(workspace: Settings, browser: Any, tmp_path: Path) -> None:
    with serving(workspace) as (url, _), window(browser, url) as page:
        sign_in(page, url)
        assert "key-of-max" not in page.url
        tab_to(page, f'a[href="{PATH}/approvals"]')
        enter(page)
        tab_to(page, 'a[href$="campaign/spring"]')
        enter(page)
        frame = page.frame_locator("iframe").first
        assert "Le bloc" in frame.locator("body").inner_text()
        tab_to(page, "#note")
        page.keyboard.type("as agreed")
        tab_to(page, 'button[value="approved"]')
        enter(page)
        assert "Approved" in page.locator("[role=status]").inner_text()
        page.reload()
        tab_to(page, f'a[href="{PATH}/pauses"]')
        enter(page)
        tab_to(page, "#stop-reason")
        page.keyboard.type("a fault")
        tab_to(page, "form:has(#stop-reason) button")
        enter(page)
        tab_to(page, f'a[href="{PATH}/"]')
        enter(page)
        assert "Everything is held back" in page.locator("[role=alert]").inner_text()
        tab_to(page, f'a[href="{PATH}/enrol"]')
        enter(page)
        people = tmp_path / "people.csv"
        known = ask(workspace, "select contact_id from marts.dim_contacts order by 1")
        people.write_text("\n".join(["contact_id", "0" * 32, *(one for (one,) in known)]))
        page.select_option("#journey", JOURNEY)
        page.set_input_files("#file", people)
        tab_to(page, 'button[value="look"]')
        enter(page)
        assert "25 of 41 contacts would enter" in page.locator("main").inner_text()
        tab_to(page, 'button[value="enrol"]')
        enter(page)
        told = page.locator("[role=status]").inner_text()
        assert told == f"25 contacts enter {JOURNEY} at the next run."
        tab_to(page, "header button")
        enter(page)
        assert page.locator("#key").is_visible()
    actions = [(row["actor"], row["action"], row["reason"]) for row in chain(workspace)[-3:]]
    assert actions == [
        ("max", "campaign.approve", "as agreed"),
        ("max", "all.pause", "a fault"),
        ("max", "journey.enroll", None),
    ]


@in_browser
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1400, "light")])
def test_every_page_is_accessible(
    workspace: Settings, browser: Any, width: int, scheme: str
) -> None:
    with serving(workspace) as (url, _), window(browser, url, width, scheme) as page:
        page.goto(f"{url}{PATH}/")
        checked = [check(page, width)]
        sign_in(page, url)
        for path in ("", "approvals", SPRING, "preview", "enrol", "pauses"):
            page.goto(f"{url}{PATH}/{path}")
            checked.append(check(page, width))
        page.goto(f"{url}{PATH}/preview")
        page.select_option("select[name=template]", "medical_welcome")
        with page.expect_navigation():
            page.locator("main button").click()
        assert page.locator("iframe").get_attribute("sandbox") == ""
        checked.append(check(page, width))
        page.goto(f"{url}{PATH}/pauses")
        page.select_option("#what", f"journey:{JOURNEY}")
        page.fill("#reason", "x")
        with page.expect_navigation():
            page.locator("form:has(#what) button").click()
        checked.append(check(page, width))
    assert len(checked) == 9


def check(page: Any, width: int) -> str:
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    for found in page.locator("main button, header button").all():
        box = found.bounding_box()
        assert box is None or box["height"] >= 24, page.url
    if AXE.exists():
        # The page's own policy lets no script in, so it is put in past it, in this page alone.
        page.evaluate(AXE.read_text())
        found = page.evaluate("() => axe.run(document, {iframes: false})")["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == [], page.url
    return str(page.url)


def test_the_control_room_leads_to_the_desk(workspace: Settings) -> None:
    link = f'<a href="{PATH}/">Desk</a>'
    files = list(workspace.paths.control_room.glob("*.html"))
    assert files and not any(link in file.read_text() for file in files)
    with serving(workspace, 1) as (_, at):
        for file in files:
            page = at.client.get(f"/control-room/{file.name}", auth=("key-of-ana", ""))
            if file.stem == "audit":  # no marketer reads the chain
                assert page.status_code == 403
                continue
            assert page.status_code == 200 and page.text.count(link) == 1
        # A key that browsers remember for the control room is none for the desk.
        bare = requests.get(
            at.client.url + f"{PATH}/approvals", auth=("key-of-max", ""), timeout=60
        )
        assert "Your key of" in bare.text
