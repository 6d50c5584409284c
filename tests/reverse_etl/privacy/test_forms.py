"""Identifiers are found however they are written, and another's is not taken for them."""

from __future__ import annotations

import base64
import email.message
import gzip
import html
import json
import zlib
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlencode

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.privacy.columns import side_by_side
from reverse_etl.privacy.forms import KEY, NAME, SHORTEST, TEXT, Identifier, patterns
from reverse_etl.privacy.scanning import scan
from reverse_etl.privacy.sieve import Found, Sieve

ANNA = Identifier("email", "anna.o'neil+x@école.fr")
#: Written by other code than what is tested: the name says how.
WRITTEN = {
    "plain": lambda text: text.encode(),
    "upper": lambda text: text.upper().encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "odd utf-16": lambda text: b"x" + text.encode("utf-16-le"),
    "url": lambda text: urlencode({"q": text}).encode(),
    "url in url": lambda text: urlencode({"q": urlencode({"q": text})}).encode(),
    "path": lambda text: quote(text).lower().encode(),
    "json": lambda text: json.dumps({"a": text}).encode(),
    "json in json": lambda text: json.dumps({"a": json.dumps({"b": text})}).encode(),
    "html": lambda text: html.escape(f"<p>{text}</p>").encode(),
    "hex": lambda text: f" {text} ".encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 + 1": lambda text: base64.b64encode(b"1" * 7 + b" " + text.encode() + b"\n"),
    "base64 + 2": lambda text: base64.urlsafe_b64encode(b"?>~?" + text.encode() + b"?>"),
    "base64 + 3": lambda text: b"/t/" + base64.urlsafe_b64encode(b"    ~~ " + text.encode()),
    "gzip": lambda text: b"head" + gzip.compress(text.encode()) + b"tail",
    "zstd": lambda text: pa.compress(text.encode(), codec="zstd", asbytes=True),
    "gzip in gzip": lambda text: gzip.compress(gzip.compress(text.encode())),
}


def found(data: bytes, *identifiers: Identifier) -> set[int]:
    """Which identifiers stand in ``data``."""
    counted: Counter[Found] = Counter()
    made = [p for number, each in enumerate(identifiers) for p in patterns(number, each)]
    sieve = Sieve(made, counted)
    sieve.add("file", "bytes", data)
    return {each.identifier for each in counted}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize(
    "identifier",
    [ANNA, Identifier(NAME, "Zoë d'Été"), Identifier(TEXT, 'sécret/"+=&\\ x')],
    ids=lambda i: i.kind,
)
def test_every_way_of_writing(tmp_path: Path, identifier: Identifier, written: str) -> None:
    (tmp_path / "file").write_bytes(b"\n" + WRITTEN[written](identifier.value) + b"\n")
    assert {hit.identifier for hit in scan(tmp_path, [identifier]).hits} == {0}


@pytest.mark.parametrize(
    "written",
    ["+33612345678", "0033612345678", "06 12 34 56 78", "+33 6 12 34 56 78", "06.12.34.56.78",
     "0612345678", "06-12-34-56-78", "+33.6.12.34.56.78", "33612345678", "%2B33612345678",
     "+33 612 345 678", "06\u00a012\u00a034\u00a056\u00a078"],
)  # fmt: skip
def test_numbers_as_people_write_them(written: str) -> None:
    assert found(f'"{written}",'.encode(), Identifier("phone", "+33612345678")) == {0}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("email", "anna@example.fr", "joanna@example.fr"),
        ("email", "anna@example.fr", "mary.anna@example.fr"),
        ("email", "anna@example.fr", "anna@example.fr.example.com"),
        ("email", "anna@example.fr", "anna@example.frog"),
        ("email", "anna@example.fr", "?e=deanna%40example.fr"),
        ("email", "anna@example.fr", base64.b64encode(b"to: joanna@example.fr").decode()),
        ("email", "anna@example.fr", b"joanna@example.fr".hex()),
        ("email", "anna@example.fr", "joanna@example.fr".encode("utf-16-le").decode()),
        ("email", "anna@example.fr", "anna@example_fr"),
        ("phone", "+33612345678", "336123456789"),
        ("phone", "+33612345678", "0.0612345678"),
        ("name", "Martin", "Martinique"),
        ("name", "Martin", "Saint-éMartin"),
        ("user_id", "user-1", "user-12"),
        ("crm_contact", "10001", "710001"),
    ],
)
def test_another_is_not_taken_for_it(kind: str, value: str, text: str) -> None:
    assert not found(f" {text} ".encode(), Identifier(kind, value))


@pytest.mark.parametrize(
    "text",
    ["<anna@example.fr>", '"x\\nanna@example.fr\\n', "mailto:anna@example.fr?x",
     "é,anna@example.fr,", "x\nanna@example.fr\ny", "q=%20anna@example.fr",
     "write to Anna@Example.fr.Thanks",
     "\\u003canna@example.fr\\u003e",
     "&lt;anna@example.fr&gt;", "anna@example.fr"],
)  # fmt: skip
def test_an_escape_beside_it_is_no_letter_of_it(text: str) -> None:
    assert found(text.encode(), Identifier("email", "anna@example.fr")) == {0}


def test_a_key_is_found_as_digits_and_as_bytes() -> None:
    key = Identifier(KEY, "ab" * 8 + "0123456789abcdef")
    raw = bytes.fromhex(key.value)
    for data in (
        key.value.upper().encode(),
        raw,
        base64.urlsafe_b64encode(b"\1" + b"x" * 32 + raw),
    ):
        assert found(data, key) == {0}
    assert not found(bytes.fromhex("ab" * 16), key)


def test_no_value_is_told_by_its_repr() -> None:
    assert "anna" not in repr(ANNA)
    with pytest.raises(ValueError, match="unknown kind"):
        Identifier("face", "anna")


def test_what_is_too_short_cannot_be_looked_for(tmp_path: Path) -> None:
    answer = scan(tmp_path, [Identifier(NAME, "Li"), ANNA])
    assert answer.too_short == [0] and not answer.is_clean


texts = st.text("aB1 é", min_size=SHORTEST, max_size=9).map(str.strip)


@given(
    st.lists(texts.filter(lambda t: len(t.encode()) >= SHORTEST), min_size=1, max_size=6),
    st.lists(st.sampled_from(["a", "b", "1", " ", "é", "aB1 a", "bb11"]), max_size=60),
)
def test_the_sieve_finds_what_a_plain_search_finds(values: list[str], parts: list[str]) -> None:
    data = "".join(parts).encode()
    expected = {
        number
        for number, value in enumerate(values)
        if any(
            form.encode().lower() in data.lower()
            for form in (value, value.lower(), value.upper(), value.title())
        )
    }
    assert found(data, *(Identifier(TEXT, value) for value in values)) == expected


@given(
    st.lists(texts, min_size=1, max_size=4),
    st.lists(st.sampled_from(["", "a", "b1", " ", "é", "aB1 a", "bb11", "aB1 aaa"]), max_size=20),
)
def test_values_of_a_column_are_searched_one_by_one(values: list[str], rows: list[str]) -> None:
    rows = [*rows, "".join(rows), *values]
    wanted = [p for n, value in enumerate(values) for p in patterns(n, Identifier(NAME, value))]
    one_by_one: Counter[Found] = Counter()
    sieve = Sieve(wanted, one_by_one)
    for row in rows:
        sieve.add("file", "column", row.encode())
    together: Counter[Found] = Counter()
    column = pa.array(["skipped", *rows, "skipped"])[1:-1]
    Sieve(wanted, together).add_values("file", "column", *side_by_side(column))
    assert together == one_by_one


@given(st.emails(), st.binary(max_size=40), st.sampled_from(sorted(WRITTEN)))
def test_any_address_in_any_writing(address: str, before: bytes, written: str) -> None:
    if written.startswith(("gzip", "zstd")):
        return
    value = address.lower()
    assert found(before + b"\n" + WRITTEN[written](value) + b"\n", Identifier("email", value)) == {
        0
    }


def test_a_mails_folded_parts_are_read_whole(tmp_path: Path) -> None:
    for cte in ("base64", "quoted-printable"):
        message = email.message.EmailMessage()
        body = "é" * 29 + " " * 11 + f"{ANNA.value} " * 4
        message.set_content(body, cte=cte)
        (tmp_path / cte).write_bytes(message.as_bytes())
    assert {hit.path for hit in scan(tmp_path, [ANNA]).hits} == {"base64", "quoted-printable"}


def test_a_bomb_is_read_in_pieces(tmp_path: Path) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(64))
    bomb += packer.compress(ANNA.value.encode()) + packer.flush()
    (tmp_path / "bomb.gz").write_bytes(bomb)
    assert [(hit.place, hit.count) for hit in scan(tmp_path, [ANNA]).hits] == [("gzip: bytes", 1)]
