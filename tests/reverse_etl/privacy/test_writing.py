"""Folders with manifests: whole or not there, and any change is found."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.privacy.writing import FolderError, as_csv, as_json, finished, verify


def made(folder: Path) -> Path:
    with finished(folder, {"request_id": "r"}) as unfinished:
        unfinished.add("data/a.json", b"[]", rows=0)
        unfinished.add("b.txt", b"text")
    return folder


def test_it_is_as_its_manifest_says(tmp_path: Path) -> None:
    folder = made(tmp_path / "f")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["request_id"] == "r"
    assert manifest["files"]["data/a.json"]["rows"] == 0
    assert verify(folder) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "b.txt").write_text("other"), "b.txt: changed"),
        (lambda folder: (folder / "b.txt").unlink(), "b.txt: missing"),
        (lambda folder: (folder / "c").write_text("x"), "c: not in the manifest"),
        (lambda folder: (folder / "c").symlink_to("/etc/passwd"), "c: not in the manifest"),
    ],
)
def test_every_change_is_found(tmp_path: Path, change, told: str) -> None:
    folder = made(tmp_path / "f")
    change(folder)
    assert verify(folder) == [told]


def test_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be read"):
        verify(tmp_path)
    (tmp_path / "manifest.json").write_text('{"files": 1}')
    with pytest.raises(FolderError, match="cannot be read"):
        verify(tmp_path)


def test_nothing_is_left_of_one_that_broke_off(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), finished(tmp_path / "f", {}) as folder:
        folder.add("a", b"personal")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(FolderError, match="is there already"):
        made(tmp_path / "f")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FolderError, match="is there already"):
        made(tmp_path / "link")
    with pytest.raises(FolderError, match="is no folder"):
        made(tmp_path / "no" / "f")


def test_numbers_times_and_nested_values() -> None:
    row = {
        "n": -5,
        "d": Decimal("-1.50"),
        "at": datetime(2025, 1, 2, 3),
        "no": None,
        "nan": float("nan"),
        "tree": {"a": [Decimal("0.1")]},
        "yes": True,
    }
    assert json.loads(as_json([row])) == [
        {
            "n": -5,
            "d": -1.5,
            "at": "2025-01-02T03:00:00Z",
            "no": None,
            "nan": None,
            "tree": {"a": [0.1]},
            "yes": True,
        }
    ]
    (cells,) = csv.DictReader(io.StringIO(as_csv([row]).decode()))
    assert cells["n"] == "-5" and cells["d"] == "-1.50"
    assert cells["at"] == "2025-01-02T03:00:00Z" and cells["tree"] == '{"a":[0.1]}'


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_texts_come_back_and_none_is_a_formula(texts: list[str]) -> None:
    rows = [{"id": n, "text": text} for n, text in enumerate(texts)]
    assert [row["text"] for row in json.loads(as_json(rows))] == texts
    read = list(csv.reader(io.StringIO(as_csv(rows).decode(), newline="")))
    for text, (_, cell) in zip(texts, read[1:], strict=True):
        assert cell in (text, f"'{text}")
        assert cell[:1] not in ("=", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
        if cell[:1] in ("+", "-"):
            float(cell.replace(",", "."))
