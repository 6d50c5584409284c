"""Who comes in, how long, and by which form."""

from __future__ import annotations

import pytest

from interfaces.desk.office import PATH
from interfaces.desk.sessions import IDLE, LONGEST, TRIES
from tests.interfaces.desk.desks import KEYS, At, Clock, chain, desk, field, seated
from workspace import restored
from workspace.identifiers import Keyring
from workspace.settings import ReadKey, Settings


@pytest.mark.parametrize("key", ["key-of-wall", "key-of-bob", "key-of-dee"])
def test_a_role_that_only_reads_is_told_so(settings: Settings, key: str) -> None:
    at = At(desk(settings))
    found = at.sign_in(key)
    assert found.status_code == 403 and "only reads" in found.text
    assert "set-cookie" not in found.headers
    assert "Your key of" in at.get("approvals").text


@pytest.mark.parametrize("key", ["", "key-of-ma", "key-of-max-1", "é", "max", "\x00"])
def test_a_wrong_key(settings: Settings, key: str) -> None:
    found = At(desk(settings)).sign_in(key)
    assert found.status_code == 401 and "set-cookie" not in found.headers


def test_a_name_that_no_record_may_hold(settings: Settings) -> None:
    found = At(desk(settings)).sign_in("key-of-eve")
    assert found.status_code == 403 and "an address does not belong here" in found.text


def test_the_cookie_is_of_this_browser_and_path_alone(settings: Settings) -> None:
    client = desk(settings)
    here = client.post(f"{PATH}/sign-in", data={"key": "key-of-max"})
    cookie = here.headers["set-cookie"]
    assert f"Path={PATH}; HttpOnly; SameSite=Strict" in cookie and "Secure" not in cookie
    assert "key-of-max" not in cookie and here.headers["location"] == f"{PATH}/?signed-in"
    away = client.post(
        f"{PATH}/sign-in", data={"key": "key-of-max"}, headers={"host": "desk.example.com"}
    )
    assert away.headers["set-cookie"].endswith("; Secure")


def test_a_cookie_that_the_browser_did_not_keep(settings: Settings) -> None:
    assert "used by https" in At(desk(settings)).get("?signed-in").text


def test_wrong_keys_are_slowed_down_and_the_right_one_with_them(settings: Settings) -> None:
    at = At(desk(settings))
    found = [at.sign_in("wrong") for _ in range(TRIES + 1)]
    assert [one.status_code for one in found] == [401] * TRIES + [429]
    assert int(found[-1].headers["retry-after"]) >= 1
    assert at.sign_in("key-of-max").status_code == 429


def test_a_session_ends_when_it_is_not_used(settings: Settings) -> None:
    clock = Clock()
    at = seated(settings, clock=clock)
    token = at.token()
    for _ in range(3):  # used, it goes on
        clock.on(seconds=IDLE.total_seconds() - 1)
        assert at.get("pauses").status_code == 200 and "Sign out" in at.get("").text
    clock.on(seconds=IDLE.total_seconds())
    assert "Your key of" in at.get("pauses").text
    late = at.post("pauses", token=token, what="all:", do="pause", reason="x")
    assert late.status_code == 401 and "Nothing was done" in late.text
    assert chain(settings) == []


def test_a_session_ends_after_a_working_day(settings: Settings) -> None:
    clock = Clock()
    at, hours = seated(settings, clock=clock), LONGEST.total_seconds() / 3600
    for _ in range(int(hours * 4) - 1):
        clock.on(minutes=15)
        assert "Sign out" in at.get("pauses").text
    clock.on(minutes=15)
    assert "Your key of" in at.get("pauses").text


def test_a_key_that_is_taken_out_ends_its_sessions(settings: Settings) -> None:
    at = seated(settings)
    cookie = at.client.cookies["desk"]
    changed = [ReadKey("max", "approver", "another-key"), *KEYS[2:]]
    lowered = [ReadKey("max", "viewer", "key-of-max"), KEYS[0]]
    for keys, is_in in ((KEYS, True), (changed, False), (lowered, False)):
        other = At(desk(settings, keys=keys))
        other.client.cookies.set("desk", cookie)
        assert ("Sign out" in other.get("pauses").text) == is_in


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "A",
        lambda text: "",
        lambda text: text[:30],
        lambda text: "é" + text,
    ],
)
def test_a_cookie_that_was_changed_opens_nothing(settings: Settings, change: object) -> None:
    at = seated(settings)
    forged = change(at.client.cookies["desk"])  # type: ignore[operator]
    at.client.cookies.clear()
    found = at.get("pauses", headers={"cookie": f"desk={forged}".encode()})
    assert "Your key of" in found.text


def test_a_cookie_of_another_workspace_opens_nothing(settings: Settings) -> None:
    from interfaces.desk.sessions import Keys

    foreign = Keys(KEYS, Keyring(b"another pepper, quite another"), Clock())
    at = At(desk(settings))
    at.client.cookies.set("desk", foreign.cookie(foreign.begin(KEYS[1])))
    assert "Your key of" in at.get("pauses").text


@pytest.mark.parametrize("token", ["", "x", None])
def test_a_form_without_its_token_does_nothing(settings: Settings, token: str | None) -> None:
    at = seated(settings)
    if token is None:  # that of another session of the same key
        token = seated(settings).token()
    found = at.post("pauses", token=token, what="all:", do="pause", reason="x")
    assert found.status_code == 403 and "not one of this session" in found.text
    assert chain(settings) == []


def test_a_form_of_another_site_does_nothing(settings: Settings) -> None:
    at = seated(settings)
    fields = {"token": at.token(), "what": "all:", "do": "pause", "reason": "x"}
    for site in ("cross-site", "same-site", "none"):
        headers = {"sec-fetch-site": site}
        found = at.client.post(f"{PATH}/pauses", data=fields, headers=headers)
        assert found.status_code == 403
        signing = at.client.post(f"{PATH}/sign-in", data={"key": "key-of-max"}, headers=headers)
        assert signing.status_code == 403
    assert chain(settings) == []


def test_nothing_is_done_by_get(settings: Settings) -> None:
    at = seated(settings)
    query = f"token={at.token()}&what=all:&do=pause&reason=x"
    assert at.get(f"pauses?{query}").status_code == 200
    assert at.get("sign-out").status_code == 404 and chain(settings) == []
    assert at.client.put(f"{PATH}/pauses").status_code == 405


def test_signed_out(settings: Settings) -> None:
    at = seated(settings)
    assert at.post("sign-out").status_code == 303
    assert "Your key of" in at.get("pauses").text


def test_without_a_key_that_may_do_anything(settings: Settings) -> None:
    for keys in ((), (ReadKey("dev", "dpo", "dev"),)):
        found = At(desk(settings, keys=keys)).get("")
        assert found.status_code == 503
        assert "MARKETING_READ_KEYS=marketer/ana:KEY1" in found.text


def test_headers(settings: Settings) -> None:
    at = seated(settings)
    for found in (at.get(""), At(desk(settings)).get(""), at.get("nothing")):
        policy = found.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "script" not in policy
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert found.headers["cache-control"] == "no-store"
        assert "<script" not in found.text and " style=" not in found.text
    assert at.client.get(PATH).headers["location"] == f"{PATH}/"
    assert at.get("x" * 3000).status_code == 404


def test_bodies_that_are_no_form(settings: Settings) -> None:
    at = seated(settings)
    url = f"{PATH}/pauses"
    for body, kind, status in (
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 400),
        (b"a" * (3 << 20), "application/x-www-form-urlencoded", 413),
        (b"&".join(b"%d=1" % n for n in range(400)), "application/x-www-form-urlencoded", 400),
    ):
        found = at.client.post(url, content=body, headers={"content-type": kind})
        assert found.status_code == status, kind


def test_a_restored_workspace_is_shut(settings: Settings) -> None:
    at = seated(settings)
    restored.mark(settings.paths.root, {})
    found = at.get("pauses")
    assert found.status_code == 503 and "was restored from a backup" in found.text
    assert At(desk(settings)).sign_in("key-of-max").status_code == 503


def test_a_marketer_may_not_do_what_approvers_do(settings: Settings) -> None:
    at = seated(settings, "key-of-ana")
    page = "approvals/campaign/public_salon_invitation"
    assert "An approver decides" in at.get(page).text
    tries = [
        at.post(page, do="approved", shown="x"),
        at.post("pauses", what="all:", do="pause", reason="x"),
        at.post("pauses", what="all:", do="resume", reason="x"),
        at.post("pauses", what="journey:medical_welcome", do="resume", reason="x"),
    ]
    assert [one.status_code for one in tries] == [403] * 4 and chain(settings) == []
    assert "may not" in tries[0].text
    assert field(at.get("pauses").text, "token")
