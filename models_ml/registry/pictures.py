"""A card's pictures: pieces of HTML that Plotly's script draws."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
INK, MUTED, BAND = "#0b5394", "#8c959f", "rgba(11, 83, 148, 0.25)"
MOST_FEATURES = 15


def calibration(rows: Sequence[Row]) -> str:
    """Observed over predicted share by decile, with intervals and the diagonal."""
    import plotly.graph_objects as go

    most = max(max(row["high"], row["predicted"]) for row in rows)
    figure = go.Figure()
    figure.add_scatter(
        x=[0, most], y=[0, most], mode="lines", name="perfect", line={"dash": "dot", "color": MUTED}
    )
    figure.add_scatter(
        x=[row["predicted"] for row in rows],
        y=[row["observed"] for row in rows],
        mode="lines+markers",
        name="model",
        marker={"color": INK},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [row["high"] - row["observed"] for row in rows],
            "arrayminus": [row["observed"] - row["low"] for row in rows],
            "color": BAND,
        },
    )
    return _drawn(figure, "calibration", "Calibration", "predicted share", "observed share")


def lift(rows: Sequence[Row], mean: float) -> str:
    """The outcome's share by decile as a multiple of the mean, the highest scores first."""
    import plotly.graph_objects as go

    ordered = sorted(rows, key=lambda row: -row["decile"])
    figure = go.Figure()
    figure.add_bar(
        x=[f"{10 * place}-{10 * place + 10} %" for place in range(len(ordered))],
        y=[row["observed"] / mean if mean else 0 for row in ordered],
        marker={"color": INK},
    )
    figure.add_hline(y=1, line={"dash": "dot", "color": MUTED})
    return _drawn(figure, "lift", "Lift by tenth", "highest scores first", "times the mean")


def features(rows: Sequence[Row]) -> str:
    """The features that move scores most."""
    import plotly.graph_objects as go

    first = list(rows[:MOST_FEATURES])[::-1]
    figure = go.Figure()
    # Plotly reads markup in labels: escaped, it is text.
    figure.add_bar(
        x=[row["contribution"] for row in first],
        y=[html.escape(row["feature"]) for row in first],
        orientation="h",
        marker={"color": INK},
    )
    return _drawn(figure, "features", "What moves scores", "mean contribution (logit)", "")


def _drawn(figure: Any, name: str, title: str, x: str, y: str) -> str:
    figure.update_layout(
        title=title,
        xaxis_title=x,
        yaxis_title=y,
        template="plotly_white",
        height=380,
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
        showlegend=False,
        yaxis={"automargin": True},
    )
    return figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False}
    )
