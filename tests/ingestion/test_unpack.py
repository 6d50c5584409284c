"""Gzip in blocks, also where it is damaged: by igzip, and as zlib reads it byte by byte."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import landing, unpack

LINES = [b'{"id": %d, "text": "%s"}\n' % (i * i, b"ab" * (i % 9)) for i in range(120)]
FIRST = gzip.compress(b"".join(LINES[:70]))
WHOLE = FIRST + gzip.compress(b"".join(LINES[70:]), 1)
#: Where members have their flags.
FLAGS = (3, len(FIRST) + 3)


def slowly(data: bytes) -> tuple[bytes, bool]:
    """What can be read, and whether that is all."""
    unpacker, ended, found = zlib.decompressobj(wbits=31), False, []
    for i in range(len(data)):
        if ended:
            if not data[i:].strip(b"\0"):
                return b"".join(found), True
            if not data[i:].startswith(unpack.GZIP[: len(data) - i]):
                return b"".join(found), False
            unpacker = zlib.decompressobj(wbits=31)
        try:
            found.append(unpacker.decompress(data[i : i + 1]))
        except zlib.error:
            return b"".join(found), False
        ended = unpacker.eof
    return b"".join(found), ended


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing, "BLOCK", 300)
        patch.setattr(unpack, "BLOCK", 700)
        yield


def check(folder: Path, data: bytes) -> None:
    path = folder / "a.ndjson.gz"
    path.write_bytes(data)
    text, is_whole = slowly(data)
    unpacked = unpack.Unpacked(path)
    blocks = list(unpacked)
    assert max(map(len, blocks), default=0) <= 700
    assert (unpacked.broken is None) == is_whole
    if is_whole:
        assert b"".join(blocks) == text
    with unpack.plain(path, path.name, folder) as source:
        assert (source.broken is None) == is_whole
        lines = text if is_whole else text[: text.rfind(b"\n") + 1]
        assert source.path.read_bytes() == lines
        if source.broken:
            assert source.broken.line == lines.count(b"\n") + 1
            assert source.broken.original == text[len(lines) :][:700]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(2, len(WHOLE)), st.sampled_from([b"", b"\0" * 500, b"\0x", b"\x1f", b"{}"]))
def test_cut_or_with_more_behind(tmp_path: Path, keep: int, more: bytes) -> None:
    check(tmp_path, WHOLE[:keep] + more)
    check(tmp_path, WHOLE + more)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(2, len(WHOLE) - 1).filter(lambda n: n not in FLAGS), st.integers(0, 7))
def test_a_bit_that_turned(tmp_path: Path, place: int, bit: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= 1 << bit
    check(tmp_path, bytes(data))


@pytest.mark.parametrize("place", FLAGS)
def test_flags_that_mean_nothing_are_passed_over(tmp_path: Path, place: int) -> None:
    data = bytearray(WHOLE)
    data[place] |= 0x80
    (tmp_path / "a.gz").write_bytes(data)
    unpacked = unpack.Unpacked(tmp_path / "a.gz")
    assert b"".join(unpacked) == b"".join(LINES)
    assert unpacked.broken is None


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.csv.gz", b"{", "csv"),
        ("a.JSON.gz", b"x,y", "ndjson"),
        ("dump.gz", b"\n {}", "ndjson"),
        ("dump.gz", b"x,y", "csv"),
        ("dump.gz", b"", "ndjson"),
    ],
)
def test_formats(tmp_path: Path, name: str, text: bytes, wanted: str) -> None:
    for path, data in ((tmp_path / "packed", gzip.compress(text)), (tmp_path / "plain", text)):
        path.write_bytes(data)
        assert unpack.format_of(path, name if path.name == "packed" else name[:-3]) == wanted
