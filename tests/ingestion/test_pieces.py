"""Lines of large files, found without cutting the others out."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ingestion import pieces

TEXTS = st.text('a"\n', max_size=60).map(str.encode)


@st.composite
def blocks(draw: st.DrawFn) -> list[bytes]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def starts_of(text: bytes) -> list[int]:
    """Where every line begins."""
    return [0, *(i + 1 for i, byte in enumerate(text) if byte == ord("\n"))]


@given(blocks())
def test_pieces_end_at_the_ends_of_lines(given: list[bytes]) -> None:
    found = list(pieces.pieces(given))
    assert b"".join(found) == b"".join(given)
    assert all(found)
    assert all(piece.endswith(b"\n") for piece in found[:-1])


@given(blocks(), st.sets(st.integers(1, 40)))
def test_lines_known_by_their_numbers(given: list[bytes], numbers: set[int]) -> None:
    counted, done, found = pieces.Counted(numbers), 0, []
    for piece in pieces.pieces(given):
        found += [done + start for start in counted.starts(piece)]
        assert counted.starts(b"") == []
        done += len(piece)
    text = b"".join(given)
    lines = [start for start in starts_of(text) if start < len(text)]
    assert found == [start for number, start in enumerate(lines, 1) if number in numbers]


@given(TEXTS, st.data())
def test_lines_around_what_was_found(text: bytes, data: st.DataObject) -> None:
    at = [i for i, byte in enumerate(text) if byte != ord("\n")]
    ends = sorted(data.draw(st.lists(st.sampled_from(at)))) if at else []
    found = list(pieces.around(text, [end + 1 for end in ends]))
    assert found == sorted({max(s for s in starts_of(text) if s <= end) for end in ends})


@given(TEXTS)
def test_lines_with_an_odd_number_of_quotes(text: bytes) -> None:
    lines = zip(starts_of(text), text.split(b"\n"), strict=True)
    assert pieces.odd_quotes(text) == [start for start, line in lines if line.count(b'"') % 2]


def test_what_is_written_and_its_digest(tmp_path: Path) -> None:
    piece = pieces.edited(b"one\ntwo\nthree\n", [(0, 3, b"1"), (8, 13, b"     ")])
    assert piece == b"1\ntwo\n     \n"
    for name, packed in (("plain", False), ("packed", True)):
        with pieces.Output(tmp_path / name, packed) as out:
            out.write(piece)
            out.write(b"more")
        data = (tmp_path / name).read_bytes()
        assert out.digest == hashlib.sha256(data).hexdigest()
        assert (gzip.decompress(data) if packed else data) == piece + b"more"
        assert data[4:8] == b"\0\0\0\0" or not packed, "gzip tells no time"
