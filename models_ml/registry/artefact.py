"""A fitted model as bytes and back: a skops archive of known types, the same for the same model.

An archive is opened only when its types and its sizes are known (`inspect`): skops itself trusts
all of scikit-learn, this list names what our models consist of. Anything else, pickles first of
all, is refused without a byte of it being run.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from skops.io import dumps as skops_dumps
from skops.io import loads as skops_loads

from models_ml.supervised.fitted import Fitted


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


#: What skops does not trust by itself.
OURS = (
    "models_ml.supervised.columns.Columns",
    "models_ml.supervised.fitted.Fitted",
    "models_ml.supervised.hinges.Hinges",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
TYPES = frozenset(
    (
        *OURS,
        "builtins.bool",
        "builtins.dict",
        "builtins.float",
        "builtins.int",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.float64",
        "numpy.int64",
        "numpy.ndarray",
        "numpy.random._generator.Generator",
        "numpy.uint64",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.isotonic.IsotonicRegression",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._label.LabelEncoder",
    )
)
LOADERS = frozenset(
    f"{name}Node"
    for name in (
        "Dict",
        "Json",
        "List",
        "Loss",
        "NdArray",
        "Object",
        "RandomGenerator",
        "Tuple",
        "Type",
    )
)
SCHEMA = "schema.json"
MOST_BYTES = 64 << 20
MOST_UNPACKED = 256 << 20
MOST_MEMBERS = 20_000
_EPOCH = (1980, 1, 1, 0, 0, 0)


def dumps(fitted: Fitted) -> bytes:
    """An archive that the same model always gives: skops names objects by where they lie in memory,
    here they are numbered in the order they come."""
    with zipfile.ZipFile(io.BytesIO(skops_dumps(fitted))) as given:
        schema = json.loads(given.read(SCHEMA))
        ids: dict[int, int] = {}
        files: dict[str, str] = {}
        for node in _nodes(schema):
            if "__id__" in node:
                node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
            if isinstance(node.get("file"), str):
                name = node["file"]
                node["file"] = files.setdefault(name, f"{len(files) + 1}{name[name.rfind('.') :]}")
        members = {SCHEMA: json.dumps(schema).encode()}
        members |= {new: given.read(old) for old, new in files.items()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, data in members.items():
            made.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def loads(data: bytes) -> Fitted:
    """Raises :class:`NotLoaded`."""
    inspect(data)
    try:
        found = skops_loads(data, trusted=list(OURS))
    except Exception as error:  # whatever a broken archive makes of a constructor
        raise NotLoaded(Fault.UNREADABLE, f"{type(error).__name__}: {error}") from error
    if not isinstance(found, Fitted):
        raise NotLoaded(Fault.UNKNOWN_TYPE, f"holds a {type(found).__name__}, not a Fitted")
    return found


def inspect(data: bytes) -> None:
    """Refuse what is no archive of ours, without making an object of it: :class:`NotLoaded`."""
    if len(data) > MOST_BYTES:
        raise NotLoaded(Fault.TOO_LARGE, f"{len(data):,} bytes, at most {MOST_BYTES:,}")
    if not data.startswith(b"PK\x03\x04"):
        if data[:1] == b"\x80" or data[-1:] == b".":
            raise NotLoaded(Fault.PICKLE, "a pickle, which could run anything")
        raise NotLoaded(Fault.UNREADABLE, "no skops archive")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if len(members) > MOST_MEMBERS or unpacked > MOST_UNPACKED:
                detail = f"{len(members):,} members of {unpacked:,} bytes unpacked"
                raise NotLoaded(Fault.TOO_LARGE, detail)
            schema = json.loads(archive.read(SCHEMA))
            for member in members:
                if member.filename.endswith((".pkl", ".pickle", ".joblib")):
                    raise NotLoaded(Fault.PICKLE, f"holds {member.filename}")
                if member.filename.endswith(".npy"):
                    _no_objects(member.filename, archive)
    except NotLoaded:
        raise
    except Exception as error:  # zlib, struct, json and recursion have errors of their own
        raise NotLoaded(Fault.UNREADABLE, f"{type(error).__name__}: {error}") from error
    for node in _nodes(schema):
        if "__class__" in node:
            name = f"{node.get('__module__')}.{node['__class__']}"
            if name not in TYPES:
                raise NotLoaded(Fault.UNKNOWN_TYPE, f"holds a {name}")
            if node.get("__loader__") not in LOADERS:
                raise NotLoaded(Fault.UNKNOWN_TYPE, f"asks for {node.get('__loader__')}")


def _no_objects(name: str, archive: zipfile.ZipFile) -> None:
    """An array of objects is a pickle inside; its header says so."""
    with archive.open(name) as member:
        head = member.read(1024)
    if b"'|O'" in head or b"'O'" in head:
        raise NotLoaded(Fault.PICKLE, f"{name} is an array of pickled objects")


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All nodes, parents first, without recursion: a file may nest as deep as it likes."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += reversed(list(node.values()))
        elif isinstance(node, list):
            waiting += reversed(node)
