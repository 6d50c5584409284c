"""Saving and loading versions. A file is parsed only when its manifest, signature and hash agree.

A version's name is a hash of its model's content: training the same again gives the same version.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from models_ml.registry import artefact, cards
from models_ml.registry import manifest as manifests
from models_ml.registry.artefact import Fault, NotLoaded
from models_ml.registry.manifest import Provenance
from models_ml.registry.probe import probe
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec
from models_ml.supervised.training import Trained
from workspace import durable
from workspace.identifiers import Keyring

__all__ = ["Fault", "Loaded", "NotLoaded", "Provenance", "Usable", "load", "manifest", "save"]

MODEL, CARD, MANIFEST, SIGNATURE = "model.skops", "card.html", "manifest.json", "manifest.sig"
#: Says that this machine's libraries loaded the model in a limited process.
CHECKED = "checked.sig"
MOST_MANIFEST_BYTES = 8 << 20
_MODEL, _VERSION = re.compile(r"[a-z][a-z0-9_]{0,62}"), re.compile(r"[0-9a-f]{16}")


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
    """The version that speaks, and which ones were passed over on the way to it: version, fault
    and detail. ``loaded`` is None where no version can be used."""

    loaded: Loaded | None
    refused: tuple[tuple[str, Fault, str], ...]

    @property
    def is_fallback(self) -> bool:
        return self.loaded is not None and bool(self.refused)

    @property
    def told(self) -> str | None:
        """A sentence where the champion does not speak; None where it does, or never was one."""
        if not self.refused:
            return None
        passed = "; ".join(
            f"{version} {fault}: {detail}" for version, fault, detail in self.refused
        )
        speaks = f"{self.loaded.version} speaks" if self.loaded else "no version is left to speak"
        return f"{speaks}, since the champion could not be loaded ({passed})"


def save(root: Path, trained: Trained, provenance: Provenance, keyring: Keyring) -> str:
    """Store a version under ``root`` and give its name. Storing a version again changes nothing,
    unless what is there is damaged: then it is replaced.

    Raises :class:`NotLoaded` where the model would not load again.
    """
    data = artefact.dumps(trained.fitted)
    spec = json.dumps(trained.spec.as_row(), sort_keys=True).encode()
    version = hashlib.sha256(hashlib.sha256(spec).digest() + data).hexdigest()[:16]
    folder = _folder(root, trained.spec.name, version)
    with suppress(NotLoaded):
        manifest(root, trained.spec.name, version, keyring)
        return version
    probe(data)
    told = manifests.described(trained, version, provenance)
    files = {MODEL: data, CARD: cards.card(told).encode()}
    told["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in files.items()
    }
    files[MANIFEST] = manifests.encoded(told)
    files[SIGNATURE] = _signature(files[MANIFEST], keyring).encode()
    files[CHECKED] = _checked(data, keyring).encode()
    durable.make_folder(folder.parent)
    cards.ship_script(root)
    staging = Path(tempfile.mkdtemp(prefix=".", suffix=".new", dir=folder.parent))
    try:
        staging.chmod(0o755)
        for name, content in files.items():
            durable.write(staging / name, content)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(staging, folder)
        durable.fsync_folder(folder.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return version


def manifest(root: Path, model: str, version: str, keyring: Keyring) -> dict[str, Any]:
    """A version's manifest, its signature verified and all its files' hashes too; no model is
    loaded. Raises :class:`NotLoaded`."""
    return _verified(root, model, version, keyring)[0]


def load(root: Path, model: str, version: str, keyring: Keyring) -> Loaded:
    """Raises :class:`NotLoaded`. What was not yet loaded with this machine's libraries is loaded in
    a limited process first, which takes some seconds."""
    told, data = _verified(root, model, version, keyring)
    spec = _spec(told)
    artefact.inspect(data)
    marker = _folder(root, model, version) / CHECKED
    wanted = _checked(data, keyring)
    if not marker.is_file() or not hmac.compare_digest(marker.read_bytes(), wanted.encode()):
        probe(data)
        with suppress(OSError):  # a folder that is only read from is checked each time
            durable.write(marker, wanted.encode())
    fitted = artefact.loads(data)
    return Loaded(model, version, spec, fitted, told)


def versions(root: Path, model: str) -> list[str]:
    """The versions in the folder, whatever their state, by name."""
    folder = root / _named(model)
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _VERSION.fullmatch(path.name))


def usable(root: Path, model: str, candidates: Sequence[str], keyring: Keyring) -> Usable:
    """The first of ``candidates`` (`decisions.succession`) that can be loaded."""
    refused = []
    for version in candidates:
        try:
            return Usable(load(root, model, version, keyring), tuple(refused))
        except NotLoaded as error:
            refused.append((version, error.fault, error.detail))
    return Usable(None, tuple(refused))


def _verified(
    root: Path, model: str, version: str, keyring: Keyring
) -> tuple[dict[str, Any], bytes]:
    """The manifest and the model's bytes, read once: what is verified is what is parsed."""
    folder = _folder(root, model, version)
    data = _read(folder / MANIFEST, MOST_MANIFEST_BYTES)
    if not (folder / SIGNATURE).is_file():
        raise NotLoaded(Fault.UNSIGNED, f"{folder.name} has no {SIGNATURE}")
    given = _read(folder / SIGNATURE, 1024).strip()
    if not hmac.compare_digest(given, _signature(data, keyring).encode()):
        raise NotLoaded(
            Fault.WRONG_SIGNATURE, f"{MANIFEST} was changed, or signed with another pepper"
        )
    told = json.loads(data)
    if (told["model"], told["version"]) != (model, version):
        detail = f"{MANIFEST} is that of {told['model']} {told['version']}"
        raise NotLoaded(Fault.TAMPERED, detail)
    contents = {}
    for name, file in told["files"].items():
        contents[name] = _read(folder / name, artefact.MOST_BYTES)
        if hashlib.sha256(contents[name]).hexdigest() != file["sha256"]:
            raise NotLoaded(Fault.TAMPERED, f"{name} is not what was stored")
    return told, contents[MODEL]


def _spec(manifest: dict[str, Any]) -> ModelSpec:
    try:
        return ModelSpec.from_row(manifest["spec"])
    except TypeError as error:
        detail = f"{MANIFEST} has a specification that this code does not know: {error}"
        raise NotLoaded(Fault.UNREADABLE, detail) from None


def _read(path: Path, most: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > most:
            raise NotLoaded(Fault.TOO_LARGE, f"{path.name} has {size:,} bytes, at most {most:,}")
        return path.read_bytes()
    except OSError as error:
        raise NotLoaded(Fault.MISSING, f"{path.name}: {error.strerror}") from error


def _signature(manifest: bytes, keyring: Keyring) -> str:
    return keyring.seal(f"model manifest {hashlib.sha256(manifest).hexdigest()}")


def _checked(data: bytes, keyring: Keyring) -> str:
    libraries = " ".join(f"{name} {installed(name)}" for name in manifests.LIBRARIES)
    return keyring.seal(f"model checked {hashlib.sha256(data).hexdigest()} {libraries}")


def _folder(root: Path, model: str, version: str) -> Path:
    if not _VERSION.fullmatch(version):
        raise NotLoaded(Fault.MISSING, f"{version!r} is no version")
    return root / _named(model) / version


def _named(model: str) -> str:
    if not _MODEL.fullmatch(model):
        raise NotLoaded(Fault.MISSING, f"{model!r} is no model's name")
    return model
