"""Saving and loading versions. A file is parsed only when its manifest, signature and hash agree.

A version's name is a hash of its model's content: training the same again gives the same version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec
from models_ml.supervised.training import Trained
from workspace.identifiers import Keyring


class Fault(StrEnum):
    """Why a version was not loaded."""

    MISSING = "missing"
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong_signature"
    TAMPERED = "tampered"
    PICKLE = "pickle"
    UNKNOWN_TYPE = "unknown_type"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"


class NotLoaded(ValueError):
    """A version that was not loaded, and why. The message is ``fault: detail``."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True)
class Provenance:
    """Where a version comes from: the data's snapshot, the code, the time the data was asked as
    of, and the clock's time of the training (UTC naive)."""

    as_of: datetime
    snapshot_id: str
    code_version: str
    trained_at: datetime


@dataclass(frozen=True)
class Loaded:
    """A version that was verified and loaded."""

    model: str
    version: str
    spec: ModelSpec
    fitted: Fitted
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Usable:
    """The version that speaks, and what was passed over on the way to it. ``is_fallback`` where it
    is not the champion; ``loaded`` is None where no version can be used."""

    loaded: Loaded | None
    is_fallback: bool
    refused: tuple[tuple[str, Fault, str], ...]


def save(root: Path, trained: Trained, provenance: Provenance, keyring: Keyring) -> str:
    """Store a version and give its name. Storing the same one again changes nothing."""
    raise NotImplementedError


def load(root: Path, model: str, version: str, keyring: Keyring) -> Loaded:
    """Raises :class:`NotLoaded`."""
    raise NotImplementedError


def manifest(root: Path, model: str, version: str, keyring: Keyring) -> dict[str, Any]:
    """A version's verified manifest, without loading its model. Raises :class:`NotLoaded`."""
    raise NotImplementedError


def versions(root: Path, model: str) -> list[str]:
    """The versions in the folder, whatever their state, by name."""
    raise NotImplementedError


def usable(root: Path, model: str, candidates: list[str], keyring: Keyring) -> Usable:
    """The first of ``candidates`` (`decisions.succession`) that can be loaded."""
    raise NotImplementedError
