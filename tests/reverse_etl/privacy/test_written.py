"""Identifiers in other people's rows, however somebody wrote them there."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.privacy import erasing, open_work, replay
from reverse_etl.privacy.stand_ins import StandIns
from tests.reverse_etl.privacy import small_world as world
from tests.reverse_etl.privacy.test_erasing import anne, desk, erase
from workspace.paths import Paths

__all__ = ["desk"]

NESTED = json.dumps({"a": "hi\nanne.canary@clinic.example", "p": 33611223344})
TEXTS = (
    "https://x.example/?mail=Anne.Canary%40clinic.example",
    "https://a.example/?u=https%3A%2F%2Fb%2F%3Fm%3Danne.canary%2540clinic.example",
    "https://x.example/?p=%2B33611223344",
    "x+anne.canary@clinic.example anne.canary@clinic.example_x id.usr_anne_77",
    "tel 06 11 22 33 44 ok 0611223344 and +33 6 11 22 33 44, 06.11.22.33.44",
    NESTED,
)
LONGER = "anne.canary@clinic.example.com joanne.canary@clinic.example 106112233445"


def _other(number: int, **more: object) -> dict[str, object]:
    return {**world._event(f"w{number}", 5, userId="usr_joan_78"), **more}


EVENTS = [
    *(_other(n, properties={"t": text}) for n, text in enumerate(TEXTS)),
    _other(10, properties={"n": 33611223344}),
    _other(11, properties={"t": LONGER}),
    _other(12, event="Mail anne.canary@clinic.example"),
    _other(13, type="group", groupId="anne.canary@clinic.example"),
    _other(14, context={"page": {"url": "https://x.example/u/anne.canary%40clinic.example"}}),
]
COMPANY = world._crm(
    "5001",
    "companies",
    {"name": f"Clinic {world.ANNE}", "domain": "clinic.example", "phone": "06 11 22 33 44"},
    associations={"contacts": {"results": [{"id": "9001001", "type": "x"}]}},
)


@pytest.fixture(autouse=True)
def _more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "EVENTS", [*world.EVENTS, *EVENTS])
    monkeypatch.setattr(world, "CRM", [*world.CRM, COMPANY])


def test_what_a_scan_finds_an_erasure_has_changed(
    desk: erasing.Desk, paths: Paths, tmp_path: Path
) -> None:
    erasing.begin(desk, [anne(desk)])
    outcome = erase(desk)
    assert outcome.is_done, [(hit.place, hit.form) for hit in outcome.hits]
    properties = desk.lake.read("events", ["properties"])["properties"].to_pylist()
    assert any(LONGER in (text or "") for text in properties)
    (company,) = desk.lake.read("crm_companies").to_pylist()
    assert "9001001" not in str(company) and company["domain"] == "clinic.example"


def test_a_longer_one_is_anothers() -> None:
    made = StandIns()
    for kind, value in (("email", "anne.canary@clinic.example"), ("phone", "+33611223344")):
        made._add(kind, value, world.RING)
    made.__post_init__()
    assert made.in_text(LONGER) == LONGER
    for text in TEXTS:
        changed = made.in_text(text.replace("usr_anne_77", ""))
        assert "anne.canary" not in changed.lower() and not made.stands_in(changed), changed


def test_a_number_that_was_given_as_digits_alone_is_found_as_any() -> None:
    made = StandIns()
    made._add("phone", "0033611223344", world.RING)
    made.__post_init__()
    for text in ("+33611223344", "06 11 22 33 44", "0033611223344"):
        assert made.stands_in(text) and made.near(text.encode()), text


FOREIGN = (
    "иван.иванов@пример.рф",
    "محمد.علي@مثال.com",
    "user:иван петров",
    "éà.éà.éà.éà.éà.éà",
    "é" * 250,
    "x" * 20_000,
    "ж.д" * 80,
)


def _standing_for(value: str) -> StandIns:
    made = StandIns(spellings={value.lower(): "stand-in"})
    made.__post_init__()
    return made


@pytest.mark.parametrize("value", FOREIGN, ids=range(len(FOREIGN)))
def test_no_identifier_is_too_long_or_too_foreign(value: str) -> None:
    made = _standing_for(value)
    for way in (value, value.upper(), quote(value), json.dumps(value), f"a {value} b"):
        assert made.near(way.encode()) and "stand-in" in made.in_text(way), way


@given(st.text(min_size=7, max_size=40).filter(lambda text: not text.isdigit()))
def test_any_identifier_is_near_itself(value: str) -> None:
    made = _standing_for(value)
    assert made.near(value.lower().encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("other", ["ı", "İ", "ſ", "\u212a"])
def test_letters_that_only_unicode_takes_for_others_are_others(other: str) -> None:
    made = _standing_for("anne.smik@clinic.example")
    for letter in "isk":
        text = f"anne.smik@clinic.example {'anne.smik@clinic.example'.replace(letter, other)}"
        assert made.in_text(text).startswith("stand-in anne")


@pytest.mark.parametrize("mark", ["\u00a0", "\u202f", " ", "-", "."])
@pytest.mark.parametrize("groups", [(2, 2, 2, 2), (2, 3, 3), (1,) * 8])
def test_numbers_are_found_with_the_marks_that_json_escapes(
    mark: str, groups: tuple[int, ...]
) -> None:
    made = StandIns()
    made._add("phone", "+33611223344", world.RING)
    made.__post_init__()
    digits, parts = "11223344", ["06"]
    for length in groups:
        parts.append(digits[:length])
        digits = digits[length:]
    plain = json.dumps({"note": f"call {mark.join(parts)}"}, ensure_ascii=False)
    escaped = plain.replace(mark, f"\\u{ord(mark):04x}")
    for text in (plain, json.dumps(json.loads(plain)), escaped, json.dumps(escaped)):
        assert made.near(text.encode()) and made.stands_in(text), text
        assert not made.stands_in(made.in_text(text))


def test_a_reason_with_an_address_buries_nobody(desk: erasing.Desk) -> None:
    with pytest.raises(ValueError, match="address"):
        erasing.begin(desk, [anne(desk)], f"asked by {world.ANNE}")
    assert not replay.due(desk) and not list(open_work.unfinished(desk.paths))


def _ways(text: str) -> list[str]:
    """How URLs, JSON and people write an identifier."""
    once = quote(text, safe="")
    found = [text, text.upper(), once, quote(once, safe=""), json.dumps(text), once.lower()]
    found += ["".join(f"\\u{ord(one):04x}" if not one.isalnum() else one for one in text)]
    found += [json.dumps(json.dumps(text))]
    if text.startswith("+33"):
        pairs = ["0" + text[3], *(text[at : at + 2] for at in range(4, len(text), 2))]
        found += [mark.join(pairs) for mark in (" ", ".", "\u00a0", "%20", "%2520", "%C2%A0")]
    return found


MADE = st.one_of(
    st.from_regex(r"[a-zé]{2,6}[.+_']?[a-z]{2,6}@[a-z]{3,8}\.example", fullmatch=True),
    st.from_regex(r"\+33[1-9][0-9]{8}", fullmatch=True),
    st.from_regex(r"[a-z]{3}[-_:/ ]?[a-z0-9]{4,9}", fullmatch=True),
)


@given(MADE, st.text(max_size=5), st.text(max_size=5))
def test_what_stands_in_a_text_is_near_one_of_its_places(
    value: str, before: str, after: str
) -> None:
    made = StandIns()
    made._add("phone" if value[0] == "+" else "external_id", value, world.RING)
    made.__post_init__()
    for way in _ways(value):
        text = f"{before} {way} {after}"
        if made.stands_in(text):
            assert made.near(text.encode("utf-8", "surrogatepass")), (value, text)
    assert made.stands_in(f" {value} ")
