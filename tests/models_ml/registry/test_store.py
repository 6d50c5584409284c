"""Versions as files: what is saved loads again, and what was touched does not."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from skops.io import dumps as skops_dumps

from models_ml.registry import artefact, probe, store
from models_ml.registry.artefact import Fault, NotLoaded
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.training import Trained, train
from tests.models_ml.churning import AS_OF, QUICK, SPEC
from workspace.identifiers import Keyring

KEYS = Keyring(b"a pepper for tests only")
FROM = store.Provenance(AS_OF, "snapshot", "code", datetime(2026, 1, 2, 3, 4))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, linear: Trained, trees: Trained) -> Path:
    root = tmp_path_factory.mktemp("registry")
    for trained in (linear, trees):
        store.save(root, trained, FROM, KEYS)
    return root


@pytest.fixture
def root(saved: Path, tmp_path: Path) -> Path:
    """A registry that a test may damage."""
    return Path(shutil.copytree(saved, tmp_path / "registry"))


def version_of(root: Path, trained: Trained) -> str:
    return store.save(root, trained, FROM, KEYS)


def fault_of(root: Path, version: str, keys: Keyring = KEYS) -> Fault:
    with pytest.raises(NotLoaded) as refused:
        store.load(root, "churn", version, keys)
    return refused.value.fault


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_what_is_saved_scores_the_same(
    kind: str, root: Path, churning: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    trained: Trained = request.getfixturevalue(kind)
    version = version_of(root, trained)
    loaded = store.load(root, "churn", version, KEYS)
    assert np.array_equal(loaded.fitted.probability(churning), trained.fitted.probability(churning))
    assert np.array_equal(
        loaded.fitted.contributions(churning), trained.fitted.contributions(churning)
    )
    assert loaded.spec == SPEC and loaded.version == version
    assert sorted(store.versions(root, "churn")) == store.versions(root, "churn")
    assert version in store.versions(root, "churn")
    told = loaded.manifest
    assert told["provenance"] == {
        "as_of": "2026-01-01T00:00:00",
        "snapshot_id": "snapshot",
        "code_version": "code",
        "trained_at": "2026-01-02T03:04:00",
    }
    assert [row["name"] for row in told["features"]] == list(trained.fitted.features)
    assert {row["type"] for row in told["features"]} == {"number", "text"}
    assert set(told["files"]) == {"model.skops", "card.html"}
    assert store.manifests.frame(told, "metrics").equals(
        trained.metrics.select(store.manifests.frame(told, "metrics").columns)
    )


def test_training_the_same_again_is_the_same_version(
    root: Path, churning: pl.DataFrame, linear: Trained
) -> None:
    version = version_of(root, linear)
    before = (root / "churn" / version / "manifest.json").read_bytes()
    again = train(SPEC, churning.reverse(), QUICK, AS_OF)
    later = replace(FROM, trained_at=datetime(2026, 6, 1))
    assert store.save(root, again, later, KEYS) == version
    assert (root / "churn" / version / "manifest.json").read_bytes() == before


def test_a_damaged_version_is_replaced_when_it_is_saved_again(root: Path, linear: Trained) -> None:
    version = version_of(root, linear)
    (root / "churn" / version / "model.skops").write_bytes(b"gone")
    assert fault_of(root, version) is Fault.TAMPERED
    assert version_of(root, linear) == version
    store.load(root, "churn", version, KEYS)


def test_any_changed_byte_is_refused(root: Path, linear: Trained) -> None:
    version = version_of(root, linear)
    folder = root / "churn" / version
    for name in ("model.skops", "card.html", "manifest.json", "manifest.sig"):
        path = folder / name
        whole = path.read_bytes()
        for place in np.linspace(0, len(whole) - 1, 9).astype(int):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert fault_of(root, version) in (Fault.TAMPERED, Fault.WRONG_SIGNATURE)
        path.write_bytes(whole)
    store.load(root, "churn", version, KEYS)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("model.skops", Fault.MISSING),
        ("manifest.json", Fault.MISSING),
        ("card.html", Fault.MISSING),
        ("manifest.sig", Fault.UNSIGNED),
    ],
)
def test_a_missing_file_is_told(name: str, fault: Fault, root: Path, linear: Trained) -> None:
    version = version_of(root, linear)
    (root / "churn" / version / name).unlink()
    assert fault_of(root, version) is fault


def test_another_workspace_is_not_believed(root: Path, linear: Trained) -> None:
    version = version_of(root, linear)
    assert fault_of(root, version, Keyring(b"other")) is Fault.WRONG_SIGNATURE


def test_one_version_does_not_pass_for_another(root: Path, linear: Trained, trees: Trained) -> None:
    good, other = version_of(root, linear), version_of(root, trees)
    shutil.rmtree(root / "churn" / good)
    shutil.copytree(root / "churn" / other, root / "churn" / good)
    assert fault_of(root, good) is Fault.TAMPERED


@pytest.mark.parametrize("name", ["../churn", "0" * 15, "", "ABCDEF0123456789", "x" * 16])
def test_names_that_are_no_versions_are_missing(name: str, root: Path) -> None:
    assert fault_of(root, name) is Fault.MISSING
    with pytest.raises(NotLoaded, match="no model's name"):
        store.load(root, "../churn", "0" * 16, KEYS)


def signed(root: Path, version: str, data: bytes) -> None:
    """Put bytes in a model's place, and sign them as the workspace would."""
    folder = root / "churn" / version
    told = json.loads((folder / "manifest.json").read_bytes())
    told["files"]["model.skops"] = {
        "sha256": store.hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    text = store.manifests.encoded(told)
    (folder / "model.skops").write_bytes(data)
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.sig").write_text(store._signature(text, KEYS))


def test_a_specification_of_another_code_is_unreadable(root: Path, linear: Trained) -> None:
    version = version_of(root, linear)
    file = root / "churn" / version / "manifest.json"
    told = json.loads(file.read_bytes())
    told["spec"]["weights"] = {}
    file.write_bytes(store.manifests.encoded(told))
    signed(root, version, (file.parent / "model.skops").read_bytes())
    assert fault_of(root, version) is Fault.UNREADABLE


class Canary:
    def __reduce__(self):
        return (Path("/tmp/should-not-be").touch, ())


def archive(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return made.getvalue()


def with_objects() -> bytes:
    array = io.BytesIO()
    np.save(array, np.array([Canary()], dtype=object), allow_pickle=True)
    return archive({"schema.json": b"{}", "1.npy": array.getvalue()})


def node(module: str, name: str, loader: str) -> bytes:
    return archive(
        {
            "schema.json": json.dumps(
                {"__class__": name, "__module__": module, "__loader__": loader, "content": {}}
            ).encode()
        }
    )


HOSTILE = {
    "a pickle": (pickle.dumps(Canary()), Fault.PICKLE),
    "an old pickle": (pickle.dumps(Canary(), protocol=0), Fault.PICKLE),
    "a pickle inside": (archive({"schema.json": b"{}", "x.pkl": b""}), Fault.PICKLE),
    "an array of objects": (with_objects(), Fault.PICKLE),
    "another estimator": (skops_dumps(Ridge().fit([[0.0], [1.0]], [0, 1])), Fault.UNKNOWN_TYPE),
    "a bare model": (
        skops_dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1])),
        Fault.UNKNOWN_TYPE,
    ),
    "a command": (node("os", "system", "FunctionNode"), Fault.UNKNOWN_TYPE),
    "a known type by another way": (
        node("builtins", "dict", "FunctionNode"),
        Fault.UNKNOWN_TYPE,
    ),
    "nothing": (b"", Fault.UNREADABLE),
    "a text": (b"hello", Fault.UNREADABLE),
    "half an archive": (node("builtins", "dict", "DictNode")[:-30], Fault.UNREADABLE),
    "no schema": (archive({"x.npy": b""}), Fault.UNREADABLE),
    "no JSON": (archive({"schema.json": b"{"}), Fault.UNREADABLE),
    "deep JSON": (archive({"schema.json": b"[" * 200_000}), Fault.UNREADABLE),
    "an empty node": (node("builtins", "dict", "DictNode"), Fault.UNREADABLE),
    "a bomb": (archive({"schema.json": b"{}", "a": bytes(300 << 20)}), Fault.TOO_LARGE),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_though_signed(case: str, root: Path, linear: Trained) -> None:
    data, fault = HOSTILE[case]
    version = version_of(root, linear)
    signed(root, version, data)
    assert fault_of(root, version) is fault
    assert not Path("/tmp/should-not-be").exists()


def test_what_is_new_is_loaded_in_a_process_of_its_own_once(
    root: Path, linear: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = version_of(root, linear)
    asked: list[int] = []

    def counted(data: bytes) -> list[str]:
        asked.append(len(data))
        return probe.probe(data)

    monkeypatch.setattr(store, "probe", counted)
    store.load(root, "churn", version, KEYS)
    assert asked == []
    (root / "churn" / version / "checked.sig").write_text("0" * 64)
    store.load(root, "churn", version, KEYS)
    store.load(root, "churn", version, KEYS)
    assert len(asked) == 1


def test_what_a_file_does_to_its_reader_it_does_to_the_probe(
    linear: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = artefact.dumps(linear.fitted)
    assert probe.probe(data) == list(linear.fitted.features)
    monkeypatch.setattr(probe, "MEMORY_BYTES", 64 << 20)
    with pytest.raises(NotLoaded):
        probe.probe(data)
    monkeypatch.undo()
    monkeypatch.setattr(probe, "WALL_SECONDS", 0.01)
    with pytest.raises(NotLoaded, match="too_large: did not load"):
        probe.probe(data)


def test_the_types_named_are_the_types_needed(linear: Trained, trees: Trained) -> None:
    for trained in (linear, trees):
        artefact.inspect(artefact.dumps(trained.fitted))
    assert "models_ml.supervised.fitted.Fitted" in artefact.TYPES
    assert not {name for name in artefact.TYPES if name.startswith(("os.", "subprocess."))}
    assert isinstance(artefact.loads(artefact.dumps(trees.fitted)), Fitted)


def test_a_broken_champion_gives_way_to_the_one_before(
    root: Path, linear: Trained, trees: Trained
) -> None:
    first, champion = version_of(root, linear), version_of(root, trees)
    line = [champion, first]
    whole = store.usable(root, "churn", line, KEYS)
    assert whole.loaded is not None and whole.loaded.version == champion
    assert not whole.is_fallback and whole.told is None
    (root / "churn" / champion / "model.skops").write_bytes(b"\x80\x04.")
    fallen = store.usable(root, "churn", line, KEYS)
    assert fallen.loaded is not None and fallen.loaded.version == first and fallen.is_fallback
    assert fallen.refused == ((champion, Fault.TAMPERED, "model.skops is not what was stored"),)
    assert fallen.told is not None and fallen.told.startswith(f"{first} speaks, since")
    shutil.rmtree(root / "churn" / first)
    none = store.usable(root, "churn", line, KEYS)
    assert none.loaded is None and not none.is_fallback and len(none.refused) == 2
    assert store.usable(root, "churn", [], KEYS) == store.Usable(None, ())


def test_the_script_lies_beside_all_models_once(root: Path) -> None:
    assert (root / "plotly.min.js").stat().st_size > 1 << 20
    assert not list(root.glob("*/*/plotly.min.js"))
    assert not [path for path in root.glob("churn/.*")]
