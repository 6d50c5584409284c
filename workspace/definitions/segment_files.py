"""Reading `segments/*.yml`, and what is wrong with a definition besides its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workspace.definitions.reading import DefinitionError, nearest, read_folder
from workspace.definitions.segment_fields import (
    EVENT_FIELDS,
    SCORES,
    TOUCH_FIELDS,
    Fields,
    score_field,
)
from workspace.definitions.segments import (
    DEEPEST,
    ContactsLeaf,
    EventLeaf,
    FieldLeaf,
    Happening,
    Leaf,
    Location,
    ScoreLeaf,
    Segment,
    SegmentLeaf,
    Segments,
    SequenceLeaf,
)


def load_segments(folder: Path, fields: Fields, verticals: Mapping[str, Any]) -> Segments:
    """Read ``segments/*.yml`` of a definitions folder. Raises :class:`DefinitionError`."""
    keys = {path.stem for path in (folder / "segments").glob("*.y*ml")}
    found, faults = read_folder(
        folder / "segments",
        Segment,
        "segment",
        lambda segment: _faults(segment, fields, keys, verticals),
    )
    if not faults:
        faults = [
            f"{folder / 'segments' / cycle[0]}.yml:1: segments refer to one another in a circle: "
            + " -> ".join(cycle)
            for cycle in _circles({key: segment.references() for key, segment in found.items()})
        ]
    if faults:
        raise DefinitionError(faults)
    return Segments(segments=found)


def _faults(
    segment: Segment, fields: Fields, keys: set[str], verticals: Mapping[str, Any]
) -> Iterator[tuple[Location, str]]:
    if segment.vertical is not None and segment.vertical not in verticals:
        near = nearest(segment.vertical, verticals)
        yield ("vertical",), f"no vertical {segment.vertical!r} in verticals.yml{near}"
    try:
        leaves = list(segment.leaves())
    except RecursionError:
        yield ("where",), f"conditions are nested deeper than {DEEPEST}"
        return
    for at, unit, _, leaf in leaves:
        for place, fault in leaf_faults(leaf, unit, fields, keys):
            yield (*at, *place), fault


def leaf_faults(
    leaf: Leaf, unit: str, fields: Fields, keys: set[str]
) -> Iterator[tuple[Location, str]]:
    """What is wrong with a leaf besides its form, and where in it."""
    if isinstance(leaf, FieldLeaf):
        kind = fields.of(unit).get(leaf.field)
        if kind is not None:
            for fault in leaf.faults_for(kind):
                yield (), f"{leaf.field}: {fault}"
        elif leaf.field in fields.of("contact"):
            yield ("field",), f"{leaf.field!r} is of a contact: put it into contacts:"
        else:
            near = nearest(leaf.field, fields.of(unit))
            yield ("field",), f"no field {leaf.field!r}{near}"
    elif isinstance(leaf, ScoreLeaf):
        if score_field(leaf.score, unit) is None:
            known = [name for name in SCORES if score_field(name, unit)]
            where = " of an account" if unit == "account" else ""
            yield ("score",), f"no score {leaf.score!r}{where}{nearest(leaf.score, known)}"
        else:
            for fault in leaf.faults_for("number"):
                yield (), fault
    elif isinstance(leaf, EventLeaf):
        yield from happening_faults(leaf, fields)
    elif isinstance(leaf, SequenceLeaf):
        for number, step in enumerate(leaf.steps):
            for place, fault in happening_faults(step, fields):
                yield ("sequence", number, *place), fault
    elif isinstance(leaf, SegmentLeaf):
        if leaf.segment not in keys:
            yield ("segment",), f"no segment {leaf.segment!r}{nearest(leaf.segment, keys)}"
    elif isinstance(leaf, ContactsLeaf):
        if unit != "account":
            yield ("contacts",), "contacts: goes with unit: account"
    elif unit == "account":
        yield (), "an account has none; ask its contacts with contacts:"


def happening_faults(happening: Happening, fields: Fields) -> Iterator[tuple[Location, str]]:
    known = {**EVENT_FIELDS, **fields.event} if happening.event else TOUCH_FIELDS
    for name, comparison in happening.where.items():
        if name not in known:
            yield ("where", name), f"no field {name!r}{nearest(name, known)}"
        else:
            for fault in comparison.faults_for(known[name]):
                yield ("where", name), fault


def _circles(references: dict[str, set[str]]) -> list[list[str]]:
    """One circle, or none: each step refers to the next, the last is the first again."""
    state: dict[str, int] = {}

    def visit(key: str, trail: list[str]) -> list[str] | None:
        if state.get(key) == 2:
            return None
        if key in trail:
            return [*trail[trail.index(key) :], key]
        for other in sorted(references.get(key, ())):
            circle = visit(other, [*trail, key])
            if circle is not None:
                return circle
        state[key] = 2
        return None

    for key in sorted(references):
        circle = visit(key, [])
        if circle is not None:
            return [circle]
    return []
