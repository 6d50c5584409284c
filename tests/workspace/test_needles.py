from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace import needles
from workspace.needles import Needles, literally

WORDS = st.binary(min_size=1, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, max_size=8))
def test_every_place_of_every_word_is_found(words: list[bytes], pieces: list[bytes]) -> None:
    data = b"".join([*pieces, words[0], *pieces])
    folded = data.lower()
    expected = {
        (number, at + len(word))
        for number, word in enumerate(words)
        for at in range(len(data))
        if folded.startswith(word.lower(), at)
    }
    assert set(Needles(map(literally, words)).find(data)) == expected


def test_without_a_word_nothing_is_found() -> None:
    assert Needles([]).find(b"anything") == []
    assert Needles([b"a"]).find(b"") == []


def test_what_is_long_is_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(b"%05d" % number for number in range(1000))
    wanted = Needles([rb"\d\d\d9\d", rb"0077"])
    whole = wanted.find(data)
    monkeypatch.setattr(needles, "WINDOW", 64)
    monkeypatch.setattr(needles, "SHARED", 8)
    assert sorted(wanted.find(data)) == sorted(whole)


def test_threads_search_side_by_side() -> None:
    needles = Needles([rb"anne.{0,3}canary"])
    texts = [b"-" * n + b"Anne.Canary" for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(needles.find, texts))
    assert found == [[(0, n + 11)] for n in range(200)]
