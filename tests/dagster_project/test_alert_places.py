"""Every check leads somewhere: to a page and a figure of the control room that exist."""

from __future__ import annotations

import pytest
from dagster import AssetCheckKey

from dagster_project import alert_places, translation
from dagster_project.alert_places import ASSETS, CHECKS, FOLDERS
from dagster_project.build import build_definitions
from dagster_project.translation import Manifest
from reverse_etl.control_room import definitions
from workspace.alerts import Kind, Seen


@pytest.fixture(scope="module")
def checks(manifest: Manifest) -> list[AssetCheckKey]:
    graph = build_definitions(manifest).resolve_asset_graph()
    return list(graph.asset_check_keys)


def test_every_check_has_a_page(manifest: Manifest, checks: list[AssetCheckKey]) -> None:
    models = alert_places.pages(manifest)
    known = definitions.pages()
    for check in checks:
        asset = check.asset_key.to_user_string()
        assert asset in models or any(asset.startswith(start) for start in ASSETS), asset
        place = alert_places.place(Seen(False, "", asset=asset, check=check.name), models)
        assert place.page in known, (asset, check.name)


def test_every_line_of_the_table_is_somebodys(
    manifest: Manifest, checks: list[AssetCheckKey]
) -> None:
    assert set(CHECKS) <= {check.name for check in checks}
    models = {translation.asset_key(node) for node in translation.models(manifest)}
    others = {c.asset_key.to_user_string() for c in checks if c.asset_key not in models}
    for start in ASSETS:
        assert any(asset.startswith(start) for asset in others), start
    paths = {node["original_file_path"] for node in translation.models(manifest)}
    for folder in FOLDERS.keys() - {"custom"}:  # users' own
        assert any(f"/{folder}/" in f"/{path}" for path in paths), folder
    assert len(alert_places.pages(manifest)) == len(models)


def test_every_figure_is_on_its_page() -> None:
    pages = definitions.pages()
    for place in CHECKS.values():
        if place.figure is not None:
            assert place.figure in {figure.key for figure in pages[place.page].figures}


def test_each_of_the_kinds_is_some_check_s() -> None:
    assert {place.kind for place in CHECKS.values()} == set(Kind) - {Kind.RUN}


def test_steps_and_what_is_new() -> None:
    assert alert_places.place(Seen(False, "", step="dbt_models"), {}).kind is Kind.RUN
    assert alert_places.place(Seen(False, ""), {}).page == "data"
    other = Seen(False, "", asset="lake/other", check="is_new")
    assert alert_places.place(other, {}) == (Kind.CHECK, "data", None)
    assert alert_places.place(other, {"lake/other": "models"}).page == "models"
