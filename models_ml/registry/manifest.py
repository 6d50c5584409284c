"""What stands in a version's manifest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version as installed
from typing import Any

import polars as pl

from models_ml.supervised.training import Trained

FORMAT = 1
LIBRARIES = ("scikit-learn", "skops", "numpy", "scipy", "polars")
#: The frames of a trained model.
FRAMES = ("metrics", "calibration", "candidates", "importance", "leakage", "shift", "reference")


@dataclass(frozen=True)
class Provenance:
    """Where a version comes from: the time its data was asked as of, the data's snapshot, the code,
    and the clock's time of the training (UTC naive)."""

    as_of: datetime
    snapshot_id: str
    code_version: str
    trained_at: datetime


def described(trained: Trained, version: str, provenance: Provenance) -> dict[str, Any]:
    """All that is known of a version but its files: numbers, texts, lists and objects of them.

    Frames are lists of rows; times are ISO texts.
    """
    found: dict[str, Any] = {
        "format": FORMAT,
        "model": trained.spec.name,
        "version": version,
        "spec": trained.spec.as_row(),
        "features": [
            {"name": name, "type": "number" if name in trained.spec.numeric else "text"}
            for name in trained.fitted.features
        ],
        "provenance": asdict(provenance),
        "parameters": trained.parameters,
        "settings": asdict(trained.settings),
        "windows": [asdict(window) for window in trained.windows],
        "findings": [asdict(finding) for finding in trained.findings],
        "libraries": {name: installed(name) for name in LIBRARIES},
    }
    found |= {name: getattr(trained, name).to_dicts() for name in FRAMES}
    return json.loads(json.dumps(found, default=_text))


def frame(manifest: dict[str, Any], name: str) -> pl.DataFrame:
    """One of :data:`FRAMES` as it was trained with."""
    return pl.DataFrame(manifest[name], infer_schema_length=None)


def encoded(manifest: dict[str, Any]) -> bytes:
    """The bytes that are stored and signed."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not belong in a manifest")
