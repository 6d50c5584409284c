"""Where everything in a workspace lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workspace import durable

#: The repository (or wherever the packages are installed in editable mode).
PROJECT = Path(__file__).resolve().parent.parent

#: Below the lake's folder: the registry of trained models.
MODELS = Path("models") / "registry"


@dataclass(frozen=True)
class Paths:
    """The folders and files of one workspace. ``root`` may hold spaces; it is made absolute."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).expanduser().absolute())

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def models(self) -> Path:
        """The registry of trained models: files that no stream's manifest lists."""
        return self.lake / MODELS

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def published_pii(self) -> Path:
        return self.root / "published_pii"

    @property
    def control_room(self) -> Path:
        """Pages made of what is published."""
        return self.root / "control_room"

    @property
    def control_room_lock(self) -> Path:
        return self.root / "control_room.lock"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def dbt_target(self) -> Path:
        return self.root / "dbt_target"

    @property
    def scratch(self) -> Path:
        """Warehouses of past ``as_of`` times, gone after their run."""
        return self.root / "scratch"

    @property
    def run_lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def default_as_of(self) -> Path:
        """Holds the fixed end of a demo world; absent in a live workspace."""
        return self.root / "as_of.txt"

    def create(self) -> None:
        durable.make_folder(self.root)
        # People's names and addresses are in them; readers of marts need `published` only.
        for folder in (self.landing, self.lake, self.dagster, self.published_pii):
            durable.make_folder(folder, mode=0o700)
