"""A journey as a picture: SVG with the nodes in layers, and how many came, left and wait."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from workspace.definitions.journey_nodes import edges, kind_of, way_of
from workspace.definitions.journeys import Journey

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, SIDE = 190, 64, 40, 54, 70, 60
_FILL = {
    "trigger": "#dbeafe",
    "wait": "#fef3c7",
    "condition": "#ede9fe",
    "split": "#fce7f3",
    "action": "#dcfce7",
    "exit": "#e5e7eb",
}


def draw(journey: Journey, counts: Mapping[str, tuple[int, int, int]] | None = None) -> str:
    """``counts`` has for each node how many arrived, departed and wait."""
    layers = _layers(journey)
    width = max(len(layer) for layer in layers)
    wide = 2 * MARGIN + width * WIDTH + (width - 1) * GAP_X
    tall = 2 * MARGIN + len(layers) * HEIGHT + (len(layers) - 1) * GAP_Y
    place: dict[str, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        used = len(layer) * WIDTH + (len(layer) - 1) * GAP_X
        for column, key in enumerate(layer):
            x = (wide - used) / 2 + column * (WIDTH + GAP_X)
            place[key] = (x, MARGIN + row * (HEIGHT + GAP_Y))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {tall:g}" role="img" '
        f'width="{wide:g}" height="{tall:g}" font-family="system-ui, sans-serif">',
        f"<title>{escape(journey.name)}, version {journey.version}</title>",
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#374151"/></marker></defs>',
        f'<rect width="{wide:g}" height="{tall:g}" fill="#ffffff"/>',
    ]
    ways = {("trigger", "", journey.first)}
    ways |= {(k, way, to) for k, node in journey.nodes.items() for way, to in edges(node).items()}
    for key, way, to in sorted(ways):
        lines += _edge(place[key], place[to], "" if way in ("waited", "requested") else way)
    lines += _node(place["trigger"], "trigger", "trigger", _trigger_text(journey), None)
    for key, node in journey.nodes.items():
        known = counts.get(key, (0, 0, 0)) if counts is not None else None
        lines += _node(place[key], key, kind_of(node), _text(node), known)
    return "\n".join([*lines, "</svg>\n"])


def _layers(journey: Journey) -> list[list[str]]:
    """Nodes in rows, each below all that lead to it, but for edges that lead back."""
    depth = {"trigger": 0, journey.first: 1}
    order: list[str] = []
    back: set[tuple[str, str]] = set()
    seen: dict[str, bool] = {}  # False while the node's followers are being walked
    stack = [(journey.first, iter(edges(journey.nodes[journey.first]).values()))]
    seen[journey.first] = False
    while stack:
        key, following = stack[-1]
        to = next(following, None)
        if to is None:
            stack.pop()
            seen[key] = True
            order.append(key)
        elif to not in seen:
            seen[to] = False
            stack.append((to, iter(edges(journey.nodes[to]).values())))
        elif not seen[to]:
            back.add((key, to))
    for key in reversed(order):
        for to in edges(journey.nodes[key]).values():
            if (key, to) not in back:
                depth[to] = max(depth.get(to, 0), depth[key] + 1)
    for key in journey.nodes:  # only an edit leads there
        depth.setdefault(key, 1)
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for key in ["trigger", *journey.nodes]:
        rows[depth[key]].append(key)
    return [row for row in rows if row]


def _edge(start: tuple[float, float], end: tuple[float, float], way: str) -> list[str]:
    x1, y1 = start[0] + WIDTH / 2, start[1] + HEIGHT
    x2, y2 = end[0] + WIDTH / 2, end[1]
    if 0 < y2 - y1 <= GAP_Y:  # to the next row
        bend = (y2 - y1) / 2
        path = f"M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
        label = ((x1 + x2) / 2, (y1 + y2) / 2)
    else:  # past other rows, or back: along a side of both
        is_right = x2 > x1
        x1, x2 = (x + WIDTH if is_right else x for x in (start[0], end[0]))
        y1, y2 = start[1] + HEIGHT / 2, end[1] + HEIGHT / 2
        side = max(x1, x2) + SIDE if is_right else min(x1, x2) - SIDE
        path = f"M{x1:g} {y1:g} C{side:g} {y1:g} {side:g} {y2:g} {x2:g} {y2:g}"
        label = ((side + (x1 + x2) / 2) / 2, (y1 + y2) / 2)
    lines = [f'<path d="{path}" fill="none" stroke="#374151" marker-end="url(#to)"/>']
    if way:
        lines.append(
            f'<text x="{label[0]:g}" y="{label[1]:g}" font-size="11" text-anchor="middle" '
            f'fill="#111827" stroke="#ffffff" stroke-width="4" paint-order="stroke">'
            f"{escape(way.replace('_', ' '))}</text>"
        )
    return lines


def _node(
    at: tuple[float, float],
    key: str,
    kind: str,
    text: str,
    counts: tuple[int, int, int] | None,
) -> list[str]:
    x, y = at
    lines = [
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="8" '
        f'fill="{_FILL[kind]}" stroke="#374151"/>',
        _line(x, y + 18, 12, key, "600"),
        _line(x, y + 35, 11, text, "400"),
    ]
    if counts is not None:
        arrived, departed, waiting = counts
        lines.append(
            _line(x, y + 53, 11, f"{arrived:,} in, {departed:,} out, {waiting:,} wait", "400")
        )
    return lines


def _line(x: float, y: float, size: int, text: str, weight: str) -> str:
    shown = text if len(text) <= 30 else f"{text[:29]}…"
    return (
        f'<text x="{x + WIDTH / 2:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="middle" fill="#111827">{escape(shown)}</text>'
    )


def _trigger_text(journey: Journey) -> str:
    plain: dict[str, Any] = journey.plain["trigger"]
    kind, subject = next(iter(plain.items()))
    return f"{kind}: {subject}" if isinstance(subject, str) else kind


def _text(node: Any) -> str:
    way, subject = way_of(node)
    plain = node.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if way == "for":
        return "wait " + " ".join(f"{count:g} {unit}" for unit, count in plain["wait"].items())
    if way == "condition":
        (first, *_) = plain["condition"].items()
        return (
            f"{first[0]} of {len(first[1])}"
            if isinstance(first[1], list)
            else " ".join(str(part) for part in first)
        )
    if way == "split":
        return " / ".join(f"{b['share']:g} %" for b in plain["split"].values())
    return f"{way} {subject}" if subject else way
