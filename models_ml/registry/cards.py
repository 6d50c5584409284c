"""A version's card: one page with what it is for, how it was judged and what it cannot do.

The page needs nothing from elsewhere. Its pictures are drawn by Plotly's script, which lies once
beside all models (:func:`ship_script`); every figure also stands in a table.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from models_ml.registry import pictures
from workspace import durable

SCRIPT = "plotly.min.js"
Row = dict[str, Any]
#: In the order they are told, with what is good.
TOLD = {
    "auc": ("AUC", "1 ranks all rightly, 0.5 is chance"),
    "auc_above_age": ("AUC above the age of the last activity", "above 0 is better"),
    "average_precision": ("Average precision", "the outcome's share is chance"),
    "lift_top_decile": ("Lift at the top decile", "1 is chance"),
    "brier": ("Brier score", "0 is perfect"),
    "log_loss": ("Log loss", "0 is perfect"),
    "calibration_error": ("Calibration error by decile", "0 is perfect"),
    "predicted_share": ("Predicted share", "as observed"),
    "observed_share": ("Observed share", ""),
}
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 0 auto;
  max-width: 60rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #d8dee4;
  vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
caption { text-align: left; color: #57606a; } .note { color: #57606a; }
"""


def card(manifest: Row) -> str:
    """HTML of a version's manifest (`manifest.described`). Texts are shown as they are, markup in
    them too."""
    spec, made = manifest["spec"], manifest["provenance"]
    title = f"{spec['title']}: {manifest['version']}"
    parts: list[Callable[[Row], Iterable[str]]] = [
        _purpose,
        _data,
        _quality,
        _calibration,
        _features,
        _slices,
        _shift,
        _limits,
        _made,
    ]
    body = "\n".join(text for part in parts for text in part(manifest))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n"
        f'<script src="../../{SCRIPT}"></script>\n</head>\n<body>\n'
        f'<h1>{_text(title)}</h1>\n<p class="note">Model {_text(manifest["model"])}, data as of '
        f"{_text(made['as_of'])}, trained {_text(made['trained_at'])}</p>\n{body}\n"
        "</body>\n</html>\n"
    )


def ship_script(root: Path) -> None:
    """Put Plotly's script into the registry's folder, where it is missing or another version's."""
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs().encode()
    target = root / SCRIPT
    if not target.is_file() or target.stat().st_size != len(script):
        durable.write(target, script)


def _purpose(manifest: Row) -> Iterable[str]:
    spec = manifest["spec"]
    yield f"<p>{_text(spec['purpose'])}</p>"
    yield (
        f"<p>Scores each {_text(spec['subject'])} from 0 to 100: the probability, in percent, of "
        f"the outcome within {spec['horizon_days']:g} days.</p>"
    )
    if found := manifest["findings"]:
        yield "<h2>Found in the data</h2>"
        rows = [(row["kind"].replace("_", " "), row["subject"], row["detail"]) for row in found]
        yield table(("what", "where", "detail"), rows)


def _data(manifest: Row) -> Iterable[str]:
    yield "<h2>Data and windows</h2>"
    rows = [
        (
            row["name"],
            row["first_at"][:10],
            row["last_at"][:10],
            row["rows"],
            row["positives"],
            row["subjects"],
            row["groups"],
        )
        for row in manifest["windows"]
    ]
    head = ("window", "first snapshot", "last snapshot", "rows", "positive", "subjects", "groups")
    yield table(head, rows)
    yield (
        '<p class="note">Groups (organisations) that are trained on neither choose nor judge, and '
        "between the windows that train, calibrate and judge lies the horizon. The validation rows "
        "chose between candidates.</p>"
    )
    yield "<h2>Candidates</h2>"
    rows = [
        (row["kind"], row["parameters"], row["log_loss"], row["auc"])
        for row in manifest["candidates"]
    ]
    yield table(
        ("kind", "parameters", "log loss", "AUC"),
        rows,
        "On the validation rows; the first was chosen.",
    )


def _quality(manifest: Row) -> Iterable[str]:
    level = manifest["settings"]["level"]
    rows = {row["metric"]: row for row in manifest["metrics"] if row["slice"] == "all"}
    yield "<h2>Quality on the test window</h2>"
    told = [
        (
            f"{name} ({good})" if good else name,
            rows[metric]["value"],
            _range(rows[metric]),
            rows[metric]["baseline_age"],
            rows[metric]["baseline_constant"],
        )
        for metric, (name, good) in TOLD.items()
        if metric in rows
    ]
    head = ("measure", "model", f"{level:.0%} interval", "age of last activity", "constant")
    yield table(head, told, "Intervals by bootstrap over groups.")


def _calibration(manifest: Row) -> Iterable[str]:
    rows = manifest["calibration"]
    yield "<h2>Calibration and lift</h2>"
    yield pictures.calibration(rows)
    mean = sum(row["observed"] * row["rows"] for row in rows) / sum(row["rows"] for row in rows)
    yield pictures.lift(rows, mean)
    told = [
        (
            row["decile"],
            row["rows"],
            row["predicted"],
            row["observed"],
            _range(row),
            row["observed"] / mean if mean else None,
        )
        for row in rows
    ]
    head = ("decile", "rows", "predicted", "observed", "interval", "lift")
    yield table(head, told, "Tenths of the test rows by score, the lowest first.")


def _features(manifest: Row) -> Iterable[str]:
    examined = {row["feature"]: row for row in manifest["leakage"]}
    rows = [
        (
            row["feature"],
            row["contribution"],
            examined.get(row["feature"], {}).get("auc"),
            examined.get(row["feature"], {}).get("lagged_auc"),
        )
        for row in manifest["importance"]
    ]
    yield "<h2>Features</h2>"
    yield pictures.features(manifest["importance"])
    head = ("feature", "mean contribution (logit)", "AUC alone", "AUC a snapshot old")
    yield table(head, rows)


def _slices(manifest: Row) -> Iterable[str]:
    by_slice: dict[str, dict[str, Row]] = {}
    for row in manifest["metrics"]:
        by_slice.setdefault(row["slice"], {})[row["metric"]] = row
    named = ("auc", "calibration_error", "predicted_share", "observed_share", "known_share")
    rows = []
    for name, own in by_slice.items():
        first = next(iter(own.values()))
        values = [own.get(metric, {}).get("value") for metric in named]
        auc_range = _range(own.get("auc", {}))
        rows.append((name, first["rows"], first["positives"], values[0], auc_range, *values[1:]))
    yield "<h2>Coverage and fairness by slice</h2>"
    head = ("slice", "rows", "positive", "AUC", "interval", "calibration error", "predicted")
    yield table((*head, "observed", "known values"), rows)


def _shift(manifest: Row) -> Iterable[str]:
    yield "<h2>Drift from training to test</h2>"
    rows = [
        (row["feature"], row["psi"], "drifted" if row["is_drifted"] else "", row["missing_share"])
        for row in sorted(manifest["shift"], key=lambda row: -(row["psi"] or 0))
    ]
    yield table(
        ("feature", "PSI", "", "unknown"), rows, "Population stability index; above 0.2 warns."
    )


def _limits(manifest: Row) -> Iterable[str]:
    spec = manifest["spec"]
    yield "<h2>Limits</h2><ul>"
    yield (
        "<li>The score says how often the outcome follows for such "
        f"{_text(spec['subject'])}s, not why, and not what an action would change.</li>"
        "<li>Contributions explain the model's score. They are no causes.</li>"
        f"<li>It was judged on outcomes within {spec['horizon_days']:g} days of snapshots up to "
        f"{_text(manifest['windows'][-1]['last_at'][:10])}. What came after is not in it.</li>"
        "<li>A value the model never saw counts as none of those it knows, and a number beyond "
        "those it was trained on as about the outermost.</li>"
        "<li>People who object to profiling are neither in the data nor scored.</li>"
    )
    if any(finding["kind"] == "few_positives" for finding in manifest["findings"]):
        yield "<li>Few positive outcomes were there to judge by: read the intervals only.</li>"
    yield "</ul>"


def _made(manifest: Row) -> Iterable[str]:
    made = manifest["provenance"]
    rows = [
        ("parameters", ", ".join(f"{k} {_number(v)}" for k, v in manifest["parameters"].items())),
        ("data snapshot", made["snapshot_id"]),
        ("code", made["code_version"]),
        ("seeds", f"{manifest['settings']['seed']}, {manifest['settings']['split_seed']}"),
        ("libraries", ", ".join(f"{k} {v}" for k, v in manifest["libraries"].items())),
    ]
    yield "<h2>Made with</h2>"
    yield table(("what", "value"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """An HTML table: numbers to the right, None empty."""
    listed = [list(row) for row in rows]
    is_number = [any(isinstance(row[n], int | float) for row in listed) for n in range(len(head))]
    cell = [' class="number"' if number else "" for number in is_number]
    top = "".join(f"<th{cell[n]}>{_text(name)}</th>" for n, name in enumerate(head))
    lines = "\n".join(
        "<tr>"
        + "".join(f"<td{cell[n]}>{_text(_number(v))}</td>" for n, v in enumerate(row))
        + "</tr>"
        for row in listed
    )
    told = f"<caption>{_text(caption)}</caption>" if caption else ""
    return f"<table>{told}<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}\n</tbody></table>"


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _range(row: Row) -> str:
    if row.get("low") is None or row.get("high") is None:
        return ""
    return f"{row['low']:.4g} to {row['high']:.4g}"


def _text(value: Any) -> str:
    return html.escape(str(value))
