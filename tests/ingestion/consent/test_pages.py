"""The pages behind a message's links, asked as mail programs and browsers ask them."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
import requests

from ingestion.collector.writer import Limits
from ingestion.consent.routes import MAX_BODY_BYTES
from ingestion.consent.standing import Published
from tests.ingestion.consent.offices import AT, KEY, KEYRING, POLICY, REQUEST, TOKEN, World, serving
from workspace import tokens
from workspace.identifiers import Keyring
from workspace.ledger import open_ledger
from workspace.tokens import Token

PARTS = "multipart/form-data; boundary=x"
FORM = "application/x-www-form-urlencoded"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PREFERENCES = replace(TOKEN, what="preferences")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{7*7}}",
    "javascript:alert(1)",
    "\u202e\0\r\nSet-Cookie: a=b",
]


def boxes(page: str) -> dict[str, tuple[str, bool]]:
    """Value -> what was shown with it, and whether it is ticked."""
    found = {}
    for part in page.split('<div class="box">')[1:]:
        (value,) = re.findall(r'name="on"[^>]*? value="([^"]*)"', part)
        (shown,) = re.findall(r'name="shown" value="([^"]*)"', part)
        found[unescape(value)] = (unescape(shown), " checked" in part.partition("<label")[0])
    return found


def saved(page: str, **changed: bool) -> dict[str, object]:
    """The page's form as a browser sends it, some boxes changed (purpose__channel=…)."""
    found = boxes(page)
    wanted = {name.replace("__", "/"): is_on for name, is_on in changed.items()}
    on = [value for value, (_, is_on) in found.items() if wanted.get(value, is_on)]
    return {"do": "save", "lang": "fr", "shown": [s for s, _ in found.values()], "on": on}


@pytest.mark.parametrize("as_parts", [False, True])
def test_acceptance_15_one_click(world: World, as_parts: bool) -> None:
    """RFC 8058: no cookie, no redirect, recorded before the answer; GET changes nothing; a forged
    token is 404; twice is 200."""
    for method in ("GET", "HEAD"):
        seen = requests.request(method, world.address(TOKEN), timeout=20)
        assert seen.status_code == 200 and world.events() == []
        assert "set-cookie" not in seen.headers
    given = {"files": {"List-Unsubscribe": (None, "One-Click")}} if as_parts else {}
    for _ in range(2):
        answer = world.post(TOKEN, None if as_parts else ONE_CLICK, **given)
        assert answer.status_code == 200
        assert "location" not in answer.headers and "set-cookie" not in answer.headers
        (event,) = world.events()
    assert (event["identifier_type"], event["identifier_key"]) == ("email", KEY)
    assert (event["purpose"], event["channel"], event["state"]) == ("all", "email", "withdrawn")
    assert (event["source_class"], event["mechanism"]) == ("one_click", "one_click")
    assert event["evidence"] == f"message:{TOKEN.reference}" and event["actor"] == "recipient"
    assert event["text_hash"] is None  # nothing of ours was shown
    good = world.address(TOKEN)
    foreign = tokens.sign(Keyring(b"another pepper"), TOKEN)
    other = tokens.sign(KEYRING, PREFERENCES)
    for bad in (good[:-1], good + "A", f"{world.url}/u/{foreign}", f"{world.url}/u/{other}"):
        assert requests.get(bad, timeout=20).status_code == 404
        assert requests.post(bad, data=ONE_CLICK, timeout=20).status_code == 404
    assert len(world.events()) == 1


def test_who_grants_anew_can_leave_anew(world: World) -> None:
    """Whatever the ledger knows of the grant: a form's answer lands elsewhere."""
    for hour in range(3):
        world.now = AT + timedelta(hours=hour)
        assert world.post(TOKEN, ONE_CLICK).status_code == 200
    assert [e["occurred_at"].hour for e in world.events()] == [9, 10, 11]
    world.now += timedelta(hours=1)
    page = world.get(PREFERENCES).text
    assert world.post(PREFERENCES, saved(page, newsletter__email=True)).status_code == 200
    world.now += timedelta(hours=1)
    world.post(TOKEN, ONE_CLICK)
    assert [e["state"] for e in world.events()][3:] == ["granted", "withdrawn"]


def test_the_pages_button(world: World) -> None:
    page = world.get(TOKEN)
    assert page.text.count("<button") == 1 and "/p/" in unescape(page.text)
    answer = world.post(TOKEN, {"do": "unsubscribe", "lang": "fr"})
    assert answer.status_code == 200 and "Vous êtes désabonné" in answer.text
    (event,) = world.events()
    wording = "Ne plus recevoir aucun e-mail commercial de ChirurgieProX."
    assert wording in page.text
    assert event["text_hash"] == hashlib.sha256(wording.encode()).hexdigest()
    assert (event["text_version"], event["language"]) == ("pages-1", "fr")
    assert event["mechanism"] == "unsubscribe_page"
    # The link beside it leads to the same person's choices, from any place of a website.
    (link,) = re.findall(r'href="(\.\.[^"]*)"', answer.text)
    assert requests.get(f"{world.url}/u/{unescape(link)}", timeout=20).status_code == 200


@pytest.mark.parametrize("channel", ["sms", "push"])
def test_other_channels_end_too(world: World, channel: str) -> None:
    assert world.post(replace(TOKEN, channel=channel), ONE_CLICK).status_code == 200
    assert [(e["purpose"], e["channel"]) for e in world.events()] == [("all", channel)]


def part(disposition: bytes) -> bytes:
    """A form of one part, as its head names it."""
    return b"--x\r\nContent-Disposition: " + disposition + b"\r\n\r\nOne-Click\r\n--x--\r\n"


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="List-Unsubscribe"',
        b"form-data; name=List-Unsubscribe",
        b'FORM-DATA;name="List-Unsubscribe"\r\nContent-Type: text/plain; charset=utf-8',
    ],
)
@pytest.mark.parametrize("boundary", ["x", '"x"', "x; charset=utf-8"])
def test_parts_as_mail_programs_write_them(world: World, disposition: bytes, boundary: str) -> None:
    kind = f"multipart/form-data; boundary={boundary}"
    assert world.post(TOKEN, part(disposition), headers={"content-type": kind}).status_code == 200
    assert len(world.events()) == 1


def test_an_odd_query_stops_nobody(world: World) -> None:
    query = "?" + "a=1&" * 400
    assert world.get(TOKEN, query).status_code == 200
    answer = requests.post(world.address(TOKEN) + query, data=ONE_CLICK, timeout=20)
    assert answer.status_code == 200 and len(world.events()) == 1


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"", FORM, 400),
        (b"List-Unsubscribe=one-click", FORM, 400),
        (
            b"List-Unsubscribe=One-Click&List-Unsubscribe=x",
            FORM,
            400,
        ),
        (b"do=save", FORM, 400),
        (b"a=1&" * 400, FORM, 400),
        (b'{"List-Unsubscribe":"One-Click"}', "application/json", 415),
        (b"List-Unsubscribe=One-Click", "text/plain", 415),
        (b"List-Unsubscribe=One-Click", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\nOne-Click\r\n--x--", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\nOne-Click\r\n--x--", "multipart/form-data", 400),
        (part(b"form-data; name=" + b"(" * 20_000), PARTS, 400),
        (part(b"form-data; name=?=\0\t] form-data\\ ;utf-8*"), PARTS, 400),
        (part(b"form-data" + b";a=b" * 7_000), PARTS, 400),
        (part(b"form-data" + b'; name="' * 4_000), PARTS, 400),
        (part(b'form-data; filename="name=List-Unsubscribe"'), PARTS, 400),
        (b"x" * (MAX_BODY_BYTES + 1), FORM, 413),
    ],
)
def test_what_is_no_such_form(world: World, data: bytes, kind: str, status: int) -> None:
    answer = world.post(TOKEN, data, headers={"content-type": kind})
    assert answer.status_code == status and world.events() == []


def test_methods_that_there_are_not(world: World) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = requests.request(method, world.address(TOKEN), timeout=20)
        assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD, POST"
    assert world.events() == []


def test_a_ledger_that_refuses_is_no_success(world: World, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "ledger.db").execute("drop table consent_events")
    answer = world.post(TOKEN, ONE_CLICK)
    assert answer.status_code == 503 and answer.headers["retry-after"] == "5"


def test_slow_bodies_are_left(tmp_path: Path) -> None:
    import socket

    ledger = open_ledger(f"sqlite:///{tmp_path / 'l.db'}")
    with serving(ledger, Limits(body_seconds=0.3)) as world:
        path = world.address(TOKEN).removeprefix(world.url)
        port = int(world.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n"
            head += "Content-Type: application/x-www-form-urlencoded\r\n\r\nList"
            connection.sendall(head.encode())
            assert b" 408 " in connection.recv(65536).split(b"\r\n")[0]
        assert world.events() == []
    ledger.close()


# ---- what every page is --------------------------------------------------------------------------


@pytest.mark.parametrize("token", [TOKEN, PREFERENCES, REQUEST], ids=lambda t: t.what)
def test_nothing_leaves_the_page(world: World, token: Token) -> None:
    answer = world.get(token)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    import base64

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "<script" not in answer.text and "http" not in re.sub(r"http-equiv", "", answer.text)
    assert "ChirurgieProX SAS, 12 rue de la Gare, 69003 Lyon, France" in answer.text
    for secret in (KEY, "zoe", token.reference):
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("asked", "persons", "accepted", "expected"),
    [
        ("", "fr", "en", "fr"),
        ("?lang=en", "fr", "fr", "en"),
        ("?lang=de", "en", "fr", "en"),
        ("", "de", "de, en;q=0.5, fr;q=0.4", "en"),
        ("", "", "fr;q=0.1,en-GB;q=0.2", "en"),
        ("", "", "en;q=x, *", "fr"),
        ("", "", "", "fr"),
    ],
)
def test_the_language(world: World, asked: str, persons: str, accepted: str, expected: str) -> None:
    token = replace(PREFERENCES, language=persons)
    page = world.get(token, asked, headers={"accept-language": accepted}).text
    assert f'<html lang="{expected}">' in page
    assert ("Vos choix" in page) == (expected == "fr")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_shown(world: World, text: str) -> None:
    from urllib.parse import quote

    for token in (TOKEN, PREFERENCES, REQUEST):
        pages = [
            requests.get(f"{world.address(token)}?lang={quote(text)}", timeout=20),
            requests.get(f"{world.url}/u/{quote(text)}", timeout=20),
            world.post(token, {"do": text, "lang": text, "shown": text, "on": text}),
            world.post(token, {"do": "save", "lang": text, "shown": text, "on": text}),
        ]
        for page in pages:
            assert page.status_code in (200, 400, 404)
            assert text not in page.text and "49" not in page.text.partition("</style>")[2]
            assert "set-cookie" not in page.headers
    assert world.events() == []


# ---- preferences ---------------------------------------------------------------------------------


def published(*states: tuple[str, str, str], **more: str) -> Published:
    rows = [
        {
            "purpose": purpose,
            "channel": channel,
            "state": state,
            "provider_state": more.get("provider"),
            "crm_state": more.get("crm"),
        }
        for purpose, channel, state in states
    ]
    return Published(rows, AT - timedelta(hours=1))


def test_what_holds_is_shown(world: World) -> None:
    world.published = published(
        ("newsletter", "email", "granted"),
        ("marketing", "email", "withdrawn"),
        ("marketing", "sms", "granted"),
        ("events", "email", "pending"),
        ("gone", "email", "granted"),
    )
    page = world.get(PREFERENCES).text
    found = {value: is_on for value, (_, is_on) in boxes(page).items()}
    assert world.asked == [KEY]
    assert found.pop("newsletter/email") and found.pop("events/email")
    # What another channel holds can be ended here; what it does not hold is not offered.
    assert found.pop("marketing/sms")
    assert not any(found.values()) and "sms_reminders/sms" not in found
    assert page.count("À confirmer") == 1


def test_changes_are_recorded_with_their_proof(world: World) -> None:
    world.published = published(("newsletter", "email", "granted"))
    page = world.get(PREFERENCES).text
    answer = world.post(
        PREFERENCES, saved(page, newsletter__email=False, email_tracking__email=True)
    )
    assert "Vos choix sont enregistrés." in answer.text
    after = {value: is_on for value, (_, is_on) in boxes(answer.text).items()}
    assert after["email_tracking/email"] and not after["newsletter/email"]
    by = {e["purpose"]: e for e in world.events()}
    assert {key: e["state"] for key, e in by.items()} == {
        "newsletter": "withdrawn",
        "email_tracking": "granted",
    }
    event = by["email_tracking"]
    text = POLICY.purposes["email_tracking"].texts[0]
    assert text.fr.replace("'", "&#x27;") in page
    assert event["text_version"] == text.version and event["language"] == "fr"
    assert event["text_hash"] == hashlib.sha256(text.fr.encode()).hexdigest()
    assert (event["mechanism"], event["legal_basis"]) == ("preference_page", "consent")
    assert event["evidence"] == f"message:{TOKEN.reference}"
    # The same again changes nothing.
    answer = world.post(PREFERENCES, saved(answer.text))
    assert "Rien n'a changé." in unescape(answer.text) and len(world.events()) == 2


def test_a_page_that_stood_open_takes_no_refusal_back(world: World) -> None:
    world.published = published(("newsletter", "email", "granted"))
    page = world.get(PREFERENCES).text
    world.post(TOKEN, ONE_CLICK)
    world.now += timedelta(hours=1)
    world.post(PREFERENCES, saved(page))
    assert [e["state"] for e in world.events()] == ["withdrawn"]
    assert not boxes(world.get(PREFERENCES).text)["newsletter/email"][1]


def test_everything_ends_in_one_click(world: World) -> None:
    world.published = published(
        ("newsletter", "email", "granted"),
        ("marketing", "sms", "granted"),
        ("email_tracking", "email", "granted"),
    )
    answer = world.post(PREFERENCES, {"do": "nothing", "lang": "en"})
    (event,) = world.events()
    assert (event["purpose"], event["channel"], event["state"]) == ("all", "all", "withdrawn")
    found = {value: is_on for value, (_, is_on) in boxes(answer.text).items()}
    # Measuring is no marketing: it has a box of its own.
    assert [value for value, is_on in found.items() if is_on] == ["email_tracking/email"]


def test_profiling_is_objected_to(world: World) -> None:
    world.published = published(("profiling", "all", "granted"))
    answer = world.post(PREFERENCES, {"do": "object", "lang": "en"})
    (event,) = world.events()
    assert (event["purpose"], event["channel"], event["state"]) == ("profiling", "all", "objection")
    assert "Your objection to profiling is recorded." in answer.text
    assert not boxes(answer.text)["profiling/all"][1]


def test_double_opt_in_is_only_asked_for(world: World) -> None:
    page = world.get(replace(REQUEST, what="preferences")).text
    data = saved(page, sms_reminders__sms=True)
    answer = world.post(replace(REQUEST, what="preferences"), data)
    assert [e["state"] for e in world.events()] == ["pending"]
    assert "À confirmer" in answer.text


def test_a_refusal_elsewhere_is_told(world: World) -> None:
    world.published = published(("newsletter", "email", "withdrawn"), provider="withdrawn")
    page = world.get(PREFERENCES).text
    assert "Un refus enregistré ailleurs" in page
    page = world.post(PREFERENCES, saved(page, newsletter__email=True)).text
    assert [e["state"] for e in world.events()] == ["granted"]
    # It is recorded, and does not hold.
    assert not boxes(page)["newsletter/email"][1] and "Un refus enregistré ailleurs" in page


@pytest.mark.parametrize(
    "shown",
    [
        "sms_reminders/sms/off/sms-reminders-1",  # a mail's link proves no number
        "newsletter/email/off/never-shown-1",
        "newsletter/sms/off/newsletter-1",
        "unknown/email/off/x",
        "newsletter/email/maybe/newsletter-1",
        "newsletter/email/off",
    ],
)
def test_what_no_page_showed_grants_nothing(world: World, shown: str) -> None:
    on = "/".join(shown.split("/")[:2])
    answer = world.post(PREFERENCES, {"do": "save", "shown": [shown], "on": [on]})
    assert answer.status_code == 400 and world.events() == []


# ---- double opt-in -------------------------------------------------------------------------------


def test_only_the_button_confirms(world: World) -> None:
    page = world.get(REQUEST)
    text = POLICY.purposes["sms_reminders"].texts[0]
    assert text.fr in unescape(page.text) and world.events() == []
    assert page.text.count("<button") == 1
    for _ in range(2):
        answer = world.post(REQUEST, {"do": "confirm", "lang": "fr"})
        assert answer.status_code == 200 and "confirmé" in answer.text
        (event,) = world.events()
        world.now += timedelta(days=60)
    assert (event["state"], event["mechanism"]) == ("granted", "double_opt_in")
    assert (event["purpose"], event["channel"]) == ("sms_reminders", "sms")
    assert event["identifier_key"] == REQUEST.identifier_key
    assert event["text_version"] == "sms-reminders-1"
    assert event["evidence"] == (
        f"request:{REQUEST.reference} requested:2026-03-02T09:00:00Z confirmed:2026-03-03T09:00:00Z"
    )
    assert world.get(REQUEST).status_code == 200


def test_a_request_expires(world: World) -> None:
    world.now = REQUEST.at + timedelta(days=30) - timedelta(seconds=1)
    assert world.get(REQUEST).status_code == 200
    world.now += timedelta(seconds=1)
    for answer in (world.get(REQUEST), world.post(REQUEST, {"do": "confirm"})):
        assert answer.status_code == 410 and "30 jours" in answer.text
    assert world.events() == []


def test_a_request_that_was_withdrawn_stays_so(world: World) -> None:
    leaving = replace(REQUEST, what="unsubscribe", at=AT)
    world.post(leaving, ONE_CLICK)
    for answer in (world.get(REQUEST), world.post(REQUEST, {"do": "confirm"})):
        assert answer.status_code == 410
    # As does one that was confirmed and ended after that.
    assert [e["state"] for e in world.events()] == ["withdrawn"]
    world.now += timedelta(hours=1)
    anew = replace(REQUEST, reference="34" * 16, at=world.now)
    world.now += timedelta(hours=1)
    assert world.post(anew, {"do": "confirm"}).status_code == 200
    world.now += timedelta(hours=1)
    world.post(leaving, ONE_CLICK)
    assert world.post(anew, {"do": "confirm"}).status_code == 410
    assert [e["state"] for e in world.events()] == ["withdrawn", "granted", "withdrawn"]


def test_of_one_moment_the_confirmation_counts(world: World) -> None:
    """A clock that stands, as a demo world's, puts it after the request all the same."""
    token = replace(REQUEST, at=world.now)
    world.post(token, {"do": "confirm"})
    assert world.events()[0]["occurred_at"] > token.at


@pytest.mark.parametrize("change", [{"purpose": "gone"}, {"text_version": "never-shown-1"}])
def test_a_request_for_what_is_gone(world: World, change: dict[str, str]) -> None:
    token = replace(REQUEST, **change)
    assert world.get(token).status_code == 404
    assert world.post(token, {"do": "confirm"}).status_code == 404
    assert world.events() == []
