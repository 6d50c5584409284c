"""Normal forms and keys: Python and SQL agree on the golden file."""

from __future__ import annotations

import csv
import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace import identifiers
from workspace.identifiers import KINDS, Keyring

GOLDEN = Path(__file__).parent.parent / "golden" / "identifiers.csv"
NORMALISERS = {
    "email": identifiers.normalise_email,
    "phone": identifiers.normalise_phone,
    "domain": identifiers.normalise_domain,
}


def golden() -> list[dict[str, str]]:
    with open(GOLDEN, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("row", golden(), ids=lambda row: f"{row['kind']}-{row['given']!r}")
def test_normal_forms(row: dict[str, str]) -> None:
    given = row["given"].encode().decode("unicode_escape") if "\\" in row["given"] else row["given"]
    assert NORMALISERS[row["kind"]](given) == (row["normal"] or None)


def test_nothing_stays_nothing() -> None:
    assert all(normalise(None) is None for normalise in NORMALISERS.values())


def test_a_domain_has_one_key_however_it_is_written() -> None:
    texts = [
        *("clinic.fr", " Clinic.FR ", "https://www.clinic.fr/accueil", "http://clinic.fr"),
        *("www.clinic.fr.", "clinic.fr:8443", "ann@clinic.fr", "https://ann@clinic.fr/x@y"),
    ]
    with duckdb.connect() as connection:
        for text in texts:
            asked = f"select {identifiers.domain_key_sql('$1')}"
            found = connection.execute(asked, [text]).fetchone()
            assert identifiers.normalise_domain(text) == "clinic.fr"
            assert found == (identifiers.domain_key("clinic.fr"),), text


@given(value=st.text(max_size=40), kind=st.sampled_from(KINDS), pepper=st.binary(min_size=1))
def test_a_key_is_an_hmac(value: str, kind: str, pepper: bytes) -> None:
    value = value.encode("utf-8", "ignore").decode()
    expected = hmac.new(pepper, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
    assert Keyring(pepper).key(kind, value) == expected


@pytest.mark.parametrize("pepper", [b"short pepper", b"x" * 64, b"long " * 40])
def test_sql_gives_the_same_key(pepper: bytes) -> None:
    keyring = Keyring(pepper)
    values = ["a@b.example", "é", "", "it's", "a:b", "日本", None]
    with duckdb.connect() as connection:
        for kind in KINDS:
            sql = f"select {keyring.sql(kind, 'v')} from (select unnest(?) as v)"
            rows = connection.execute(sql, [values]).fetchall()
            assert [row[0] for row in rows] == [keyring.key(kind, value) for value in values]


def test_the_pepper_stays_out_of_sight() -> None:
    assert "secret" not in repr(Keyring(b"secret pepper"))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        Keyring(b"p").key("emali", "x")
