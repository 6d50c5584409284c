"""The next launch of a campaign on paper, over the warehouse as the last run left it."""

from __future__ import annotations

from dagster_project import what_if
from reverse_etl.campaigns import planning
from reverse_etl.campaigns.planning import Outlook
from reverse_etl.content.library import Library
from workspace.definitions import Definitions
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.locks import run_lock
from workspace.settings import Settings

_WAIT_SECONDS = 60.0


def check(settings: Settings) -> None:
    """Raises :class:`~dagster_project.what_if.NoWarehouse` where no run has built what campaigns
    stand on, and :class:`~workspace.locks.RunInProgress`."""
    with (
        run_lock(settings.paths.run_lock, _WAIT_SECONDS, "campaigns"),
        what_if.opened(settings.paths.warehouse),
    ):
        pass


def of_campaign(
    settings: Settings,
    loaded: Definitions,
    key: str,
    is_approved: bool = False,
    wait_seconds: float = _WAIT_SECONDS,
) -> Outlook:
    """The next launch of a campaign; with ``is_approved`` as if its messages were approved.

    Raises :class:`~reverse_etl.campaigns.planning.NothingToLaunch`,
    :class:`~dagster_project.what_if.NoWarehouse` and :class:`~workspace.locks.RunInProgress`.
    """
    with (
        run_lock(settings.paths.run_lock, wait_seconds, f"plan {key}"),
        what_if.opened(settings.paths.warehouse) as connection,
        Library.load(loaded.folder) as library,
    ):
        ledger = open_ledger(settings.ledger_url)
        try:
            return planning.outlook(
                connection,
                ledger,
                Lake(settings.paths.lake),
                loaded.campaigns,
                loaded.experiments,
                key,
                loaded.caps,
                library,
                settings.present(),
                loaded.verticals.reporting.time_zone,
                is_approved,
            )
        finally:
            ledger.close()
