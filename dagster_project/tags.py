"""Tags by which operators choose assets in Dagster: ``tag:subject=privacy``,
``tag:personal_data=yes``."""

from __future__ import annotations

from typing import Any

from dagster import AssetSpec

from workspace import catalogue
from workspace.streams import STREAMS

SUBJECT, PERSONAL = "subject", "personal_data"


def of_stream(spec: AssetSpec) -> AssetSpec:
    """A lake stream's subject is its area; whether it holds something of people is what
    `workspace.catalogue` says, by which exports and erasures go."""
    folder, name = spec.key.path[0], spec.key.path[-1]
    if folder != "lake":
        return spec
    tags = {SUBJECT: "system"}  # what a run makes for itself
    if name in STREAMS:
        personal = "yes" if catalogue.of("lake", name) else "no"
        tags = {SUBJECT: STREAMS[name].area, PERSONAL: personal}
    return spec.replace_attributes(tags={**spec.tags, **tags})


def of_model(node: dict[str, Any]) -> dict[str, str]:
    """A model's subject is its folder below the layer; dbt's own tags stay."""
    _, *folders, _name = node["fqn"]
    subject = folders[-1] if folders else "definitions"  # a seed
    return {**{tag: "" for tag in node["tags"]}, SUBJECT: subject}
