"""The dbt project as SQL that is ready to run: dbt's manifest, and each node's compiled text.

dbt compiles once for each state of the project's files; runs of every workspace share the
result. Nothing in it knows a warehouse: relations are named in the database ``warehouse``.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import yaml

from workspace import durable, settings
from workspace.paths import PROJECT, Paths
from workspace.settings import Environment, exported
from workspace.warehouse import DATABASE

PROJECT_FOLDER = PROJECT / "dbt"

#: States of the project that stay compiled: those of the last few branches or versions.
KEPT_STATES = 4

_INPUTS = (".sql", ".yml", ".csv", ".md", ".yaml")
_MANIFEST = "manifest.json"
_STATEMENTS = "statements.json"

#: What asks the warehouse, or the moment, while dbt renders: text that has it differs by run.
_ASKS_THE_RUN = re.compile(
    r"\b(run_query|statement|is_incremental|load_relation|load_cached_relation|execute"
    r"|run_started_at|invocation_id|env_var|modules|graph|adapter\s*\.\s*(?!dispatch\b)\w+)\b"
)


class DbtError(RuntimeError):
    """dbt could not run, or a model or blocking test failed; the message names which."""


@dataclass(frozen=True)
class Compiled:
    """``statements`` holds each model's and test's SELECT; a seed's rows lie in ``folder``.

    ``needs_dbt`` names the nodes that are more than a table, a view, a seed or a test of fixed
    text: incremental models, hooks, contracts, text that asks the warehouse while it renders.
    ``settings`` are DuckDB's, by name, as profiles.yml gives them to dbt.
    """

    folder: Path
    statements: dict[str, str] = field(repr=False)
    needs_dbt: frozenset[str]
    settings: dict[str, Any]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / _MANIFEST).read_bytes())

    @property
    def manifest_path(self) -> Path:
        return self.folder / _MANIFEST

    def seed_file(self, name: str) -> Path:
        return self.folder / "seeds" / f"{name}.parquet"


def compiled(paths: Paths, environment: Environment) -> Compiled:
    """The project as its files stand, compiled before or here.

    Raises :class:`DbtError` when dbt cannot parse or compile it.
    """
    folder = place(paths, environment)
    if not folder.exists():
        durable.make_folder(folder.parent)
        with open(folder.parent / ".compiling", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():  # else another process has just done it
                _compile_into(folder, environment)
    return _load(folder, environment)


@functools.lru_cache(maxsize=2)
def _load(folder: Path, environment: Environment) -> Compiled:
    found = json.loads((folder / _STATEMENTS).read_bytes())
    (profile,) = yaml.safe_load((PROJECT_FOLDER / "profiles.yml").read_bytes()).values()
    settings = profile["outputs"][environment.value]["settings"]
    return Compiled(folder, found["statements"], frozenset(found["needs_dbt"]), settings)


def place(paths: Paths, environment: Environment) -> Path:
    """Where the compiled state of the project's files lies, or will lie."""
    shared = PROJECT_FOLDER / "target"
    writable = os.access(shared if shared.exists() else PROJECT_FOLDER, os.W_OK)
    return (shared if writable else paths.dbt_target) / f"compiled-{_state(environment)}"


def _compile_into(folder: Path, environment: Environment) -> None:
    with tempfile.TemporaryDirectory(prefix="compiling-", dir=folder.parent) as temporary:
        work, done = Path(temporary) / "work", Path(temporary) / "done"
        (done / "seeds").mkdir(parents=True)
        warehouse = work / f"{DATABASE}.duckdb"
        work.mkdir()
        results = invoke(["compile"], work, warehouse, environment)
        statements = {item.node.unique_id: item.node.compiled_code for item in results.results}
        invoke(["seed"], work, warehouse, environment)
        shutil.copyfile(work / _MANIFEST, done / _MANIFEST)
        manifest = json.loads((done / _MANIFEST).read_bytes())
        _store_seeds(manifest, warehouse, done / "seeds")
        found = {"statements": statements, "needs_dbt": _needing_dbt(manifest)}
        (done / _STATEMENTS).write_text(json.dumps(found))
        os.rename(done, folder)
    states = sorted(folder.parent.glob("compiled-*"), key=lambda path: path.stat().st_mtime)
    for old in states[:-KEPT_STATES]:
        shutil.rmtree(old, ignore_errors=True)


def _store_seeds(manifest: dict[str, Any], warehouse: Path, folder: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        for node in manifest["nodes"].values():
            if node["resource_type"] == "seed":
                target = str(folder / f"{node['name']}.parquet").replace("'", "''")
                connection.execute(f"copy {node['relation_name']} to '{target}' (format parquet)")


def invoke(arguments: list[str], target: Path, warehouse: Path, environment: Environment) -> Any:
    """Run one dbt command in this process; its result, whether or not nodes failed.

    Raises :class:`DbtError` when dbt itself could not run.
    """
    from dbt.cli.main import dbtRunner

    errors: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level == "error":
            errors.append(event.info.msg.strip())

    with exported(MARKETING_WAREHOUSE=str(warehouse)), _connections_closed():
        result = dbtRunner(callbacks=[listen]).invoke(
            [
                *("--log-level", "none", "--log-path", str(target / "logs")),
                *("--log-level-file", "error", "--no-use-colors", "--no-version-check"),
                *arguments,
                *("--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER)),
                *("--target-path", str(target), "--target", environment),
            ]
        )
    failed_to_compile = arguments[0] == "compile" and not result.success
    if result.exception is not None or result.result is None or failed_to_compile:
        told = "\n".join(errors) or str(result.exception)
        raise DbtError(f"dbt {arguments[0]} could not run:\n{told}")
    return result.result


@contextmanager
def _connections_closed() -> Iterator[None]:
    """dbt-duckdb keeps its last connection open, to a file that may since be gone."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager as Manager

    try:
        yield
    finally:
        if Manager._ENV is not None:
            Manager._ENV.close()
        Manager.close_all_connections()


def _state(environment: Environment) -> str:
    """A hash over the project's files, and what else decides how dbt renders them."""
    digest = hashlib.sha256(f"{environment} {version('dbt-core')}".encode())
    digest.update(version("dbt-duckdb").encode())
    for path in sorted(PROJECT_FOLDER.rglob("*")):
        relative = path.relative_to(PROJECT_FOLDER)
        if relative.parts[0] not in ("target", "logs") and path.suffix in _INPUTS:
            digest.update(str(relative).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _needing_dbt(manifest: dict[str, Any]) -> list[str]:
    nodes = manifest["nodes"]
    if any(name.startswith("operation.") for name in nodes):  # hooks of a whole run
        return list(nodes)
    return [name for name, node in nodes.items() if not _is_plain(node, manifest["macros"])]


def _is_plain(node: dict[str, Any], macros: dict[str, Any]) -> bool:
    config = node["config"]
    if config.get("pre-hook") or config.get("post-hook") or config.get("grants"):
        return False
    if node["resource_type"] == "seed":
        return True
    if node.get("language") != "sql" or _asks_the_run(node, macros):
        return False
    if node["resource_type"] == "test":
        verdict = (config["fail_calc"], config["warn_if"], config["error_if"], config["limit"])
        return verdict == ("count(*)", "!= 0", "!= 0", None) and not config["store_failures"]
    contract = config.get("contract") or {}
    return (
        node["resource_type"] == "model"
        and config["materialized"] in ("table", "view", "ephemeral")
        and not contract.get("enforced")
    )


def _asks_the_run(node: dict[str, Any], macros: dict[str, Any]) -> bool:
    """Whether the node's text, or that of a macro it reaches, may differ from run to run."""
    texts, seen = [node["raw_code"]], set()
    waiting = list(node["depends_on"].get("macros", []))
    while waiting:
        name = waiting.pop()
        if name in seen or name not in macros:
            continue
        seen.add(name)
        waiting += macros[name]["depends_on"].get("macros", [])
        if macros[name]["package_name"] == node["package_name"]:
            texts.append(macros[name]["macro_sql"])
        elif macros[name]["name"] in ("run_query", "statement", "is_incremental"):
            return True
    return any(_ASKS_THE_RUN.search(_rendered(text)) for text in texts)


def _rendered(text: str) -> str:
    """The parts of a model or macro that Jinja works on, without the strings in them."""
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    parts = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text, flags=re.DOTALL)
    return re.sub(r"'[^']*'|\"[^\"]*\"", "''", " ".join(parts))


if __name__ == "__main__":  # make setup, so that no first run waits for it
    _settings = settings.load(create=False)
    compiled(_settings.paths, _settings.environment)
