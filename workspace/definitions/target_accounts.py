"""`target_accounts.csv`: the accounts that account-based marketing is after, one a line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workspace.definitions.reading import DefinitionError, Row, nearest

#: Column -> what a value must look like. The first four find the account, the strongest first.
IDENTIFIERS = {
    "siren": re.compile(r"\d{9}"),
    "insee_code": re.compile(r"\d[\dAB]\d{3}"),
    "crm_id": re.compile(r"[^\s@]{1,64}"),
    "domain": re.compile(r"([a-z0-9_-]+\.)+[a-z0-9-]{2,}"),
}
COLUMNS = (*IDENTIFIERS, "tier", "name")
TIERS = ("1", "2", "3")


@dataclass(frozen=True)
class TargetAccounts:
    """``lines`` holds (line of the file, its values), empty values left out."""

    lines: tuple[tuple[int, dict[str, str]], ...] = ()

    def rows(self) -> Iterator[Row]:
        for number, given in self.lines:
            value = {
                "line": number,
                "name": given.get("name"),
                "tier": int(given["tier"]) if "tier" in given else None,
                **{column: given.get(column) for column in IDENTIFIERS},
            }
            yield Row("target_accounts", f"line {number}", number, value)


def read_csv(path: Path) -> TargetAccounts:
    """Read and validate the file. Raises :class:`DefinitionError` with file, line and field."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(text.splitlines(), strict=True)
        header = [name.strip() for name in next(reader, [])]
        faults = _header_faults(path, header)
        if faults:
            raise DefinitionError(faults)
        lines = []
        seen: dict[tuple[str, str], int] = {}
        for values in reader:
            given, found = _line(path, reader.line_num, header, values, seen)
            faults += found
            if given:
                lines.append((reader.line_num, given))
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError([f"{path}: cannot be read: {error}"]) from error
    except csv.Error as error:
        raise DefinitionError([f"{path}:{reader.line_num}: {error}"]) from error
    if faults:
        raise DefinitionError(faults)
    return TargetAccounts(tuple(lines))


def _header_faults(path: Path, header: list[str]) -> list[str]:
    faults = [
        f"{path}:1: {name or '(empty)'}: unknown column{nearest(name, COLUMNS)}"
        for name in header
        if name not in COLUMNS
    ]
    faults += [
        f"{path}:1: {name}: the column is given twice"
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    if not faults and not set(header) & set(IDENTIFIERS):
        faults.append(f"{path}:1: give a column of {', '.join(IDENTIFIERS)}")
    return faults


def _line(
    path: Path, line: int, header: list[str], values: list[str], seen: dict[tuple[str, str], int]
) -> tuple[dict[str, str], list[str]]:
    """The values of one line and its faults; nothing for an empty line."""
    if not any(value.strip() for value in values):
        return {}, []
    if len(values) > len(header):
        return {}, [f"{path}:{line}: {len(values)} values under {len(header)} columns"]
    given = {
        name: value.strip() for name, value in zip(header, values, strict=False) if value.strip()
    }
    if "domain" in given:
        given["domain"] = given["domain"].lower().removeprefix("www.")
    faults = []
    for column, pattern in IDENTIFIERS.items():
        value = given.get(column)
        if value is None:
            continue
        if not pattern.fullmatch(value):
            faults.append(f"{path}:{line}: {column}: {value!r} is no {column.replace('_', ' ')}")
        elif (column, value) in seen:
            first = seen[column, value]
            faults.append(f"{path}:{line}: {column}: {value!r} stands on line {first} already")
        else:
            seen[column, value] = line
    if not set(given) & set(IDENTIFIERS):
        faults.append(f"{path}:{line}: give one of {', '.join(IDENTIFIERS)}")
    if given.get("tier", "1") not in TIERS:
        faults.append(f"{path}:{line}: tier: {given['tier']!r} is none of {', '.join(TIERS)}")
    return given, faults
