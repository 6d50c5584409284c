"""A version's card: one page with what it is for, how it was judged and what it cannot do."""

from __future__ import annotations

from typing import Any


def card(manifest: dict[str, Any]) -> str:
    """HTML of a version's manifest. Plots need ``plotly.min.js`` in the folder above the version's
    (:func:`models_ml.registry.store.save` puts it there); figures and tables stand without it."""
    raise NotImplementedError
