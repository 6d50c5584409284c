"""The platforms' rules: published vectors, and the same rules written down in Python."""

from __future__ import annotations

import hashlib
import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.audiences.normalise import GOOGLE, HASHED, KNOWN, LINKEDIN, META, PLAIN, Normaliser

JANE = "jane.doe@gmail.com"
NUMBER = "+33612345678"
DOTTED = "831f6494ad6be4fcb3a724c3d5fef22d3ceffa3c62ef3a7984e45a0ea177f982"
TEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
VECTORS = [
    (GOOGLE, "email", JANE, "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"),
    (META, "email", JANE, DOTTED),
    (LINKEDIN, "email", JANE, DOTTED),
    (GOOGLE, "phone", NUMBER, "42d573cfc315801d4cd8eddd5416b416a0bf298b9b9e12d6b07442c91db42bd8"),
    (META, "phone", NUMBER, "8a3e7886c9335e82e02299fa3e87b46e2de3b0c63d56003e30a5029394a47661"),
    *((one, "email", " Test@Example.com\t", TEST) for one in (GOOGLE, META, LINKEDIN, HASHED)),
]


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def made(normaliser: Normaliser, kind: str, value: str | None) -> str | None:
    query = f"select {normaliser.sql(kind, 'given')} from (select ?::varchar as given)"
    with duckdb.connect() as connection:
        row = connection.execute(query, [value]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(("normaliser", "kind", "value", "digest"), VECTORS)
def test_the_published_vectors(normaliser: Normaliser, kind: str, value: str, digest: str) -> None:
    assert made(normaliser, kind, value) == digest


def test_what_google_counts_as_one_address() -> None:
    locals_of_one = ("janedoe", "Jane.Doe", "j.a.n.e.doe")
    assert len({made(GOOGLE, "email", f"{local}@gmail.com") for local in locals_of_one}) == 1
    for given_, wanted in {
        "jane.doe+x@gmail.com": "janedoe+x@gmail.com",
        "jane.doe@googlemail.com": "janedoe@googlemail.com",
        "jane.doe@notgmail.com": "jane.doe@notgmail.com",
    }.items():
        assert made(GOOGLE, "email", given_) == digest_of(wanted)


@pytest.mark.parametrize("normaliser", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize(
    "value",
    [None, "", " ", "jane doe@example.com", "jane@doe@example.com", "jane", "@example.com",
     "jane\u200b@example.com", "JAN\u0130@example.com", "jane@example", "a\x00b@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_not_sent(normaliser: Normaliser, value: str | None) -> None:
    assert made(normaliser, "email", value) is None


@pytest.mark.parametrize("normaliser", [GOOGLE, META, HASHED, PLAIN])
@pytest.mark.parametrize("value", [None, "", "0612345678", "+0612345678", "+33", "call me"])
def test_what_is_no_number_is_not_sent(normaliser: Normaliser, value: str | None) -> None:
    assert made(normaliser, "phone", value) is None


def test_what_meta_strips() -> None:
    ends = "\x00 .\t\r\n\x0b"
    assert made(META, "email", f"{ends}Jane.Doe@Example.com{ends}") == digest_of(
        "jane.doe@example.com"
    )


@pytest.mark.parametrize("normaliser", [GOOGLE, META, HASHED, PLAIN])
def test_a_number_as_people_write_it(normaliser: Normaliser) -> None:
    assert made(normaliser, "phone", "+33 (6) 12-34.56/78") == made(normaliser, "phone", NUMBER)


def test_linkedin_takes_no_number() -> None:
    with pytest.raises(ValueError, match="takes no phone"):
        LINKEDIN.sql("phone", "x")


def google(text: str) -> str:
    local, _, domain = text.strip(" \t\r\n\f\v").lower().partition("@")
    if domain in ("gmail.com", "googlemail.com"):
        local = local.replace(".", "")
    return f"{local}@{domain}"


RULES = {
    GOOGLE: google,
    META: lambda text: text.strip(" \t\r\n\0\x0b.").lower(),
    LINKEDIN: lambda text: text.strip(" \t\r\n\f\v").lower(),
}
locals_ = st.from_regex(r"\A[ .\t]{0,2}[A-Za-zÀ-ÖØ-öø-ÿ0-9.+_-]{1,12}\Z")
domains = st.sampled_from(["gmail.com", "GoogleMail.com", "example.org", "É.example"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(locals_, domains, st.sampled_from(["", " ", "\t", "\r\n"])), min_size=1))
def test_the_rules_as_python_says_them(parts: list[tuple[str, str, str]]) -> None:
    texts = [f"{local}@{domain}{end}" for local, domain, end in parts]
    with duckdb.connect() as connection:
        for normaliser, rule in RULES.items():
            query = f"select {normaliser.sql('email', 'e')} from (select unnest(?) as e)"
            found = [row[0] for row in connection.execute(query, [texts]).fetchall()]
            for text, digest in zip(texts, found, strict=True):
                wanted = rule(text)
                stripped = META if normaliser is META else LINKEDIN
                fits = re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@.]+", RULES[stripped](text))
                expected = digest_of(wanted) if fits else None
                assert digest == expected, (normaliser.version, text)
