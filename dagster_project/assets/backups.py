"""The daily backup. Part of no refresh: a job or a schedule of its own asks."""

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetsDefinition,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_project.jobs import BACKUPS
from dagster_project.resources import WorkspaceResource
from workspace import clock
from workspace import settings as settings_module

RESTORES = "it_can_be_restored"


def build_backup_asset() -> AssetsDefinition:
    @asset(
        group_name=BACKUPS,
        kinds={"python"},
        owners=["team:data"],
        description="Landing, lake and ledger in MARKETING_BACKUPS; what did not change is there "
        "once. The pepper and the witness are not in it (docs/backups.md).",
        check_specs=[
            AssetCheckSpec(
                RESTORES,
                asset="backup",
                description="Restored into a scratch folder, every file has its hash, streams and "
                "the ledger have their rows, and nothing can be sent from there.",
            )
        ],
    )
    def backup(workspace: WorkspaceResource) -> MaterializeResult:
        from reverse_etl.backups import Store, make, prove

        run = workspace.run
        folder, days = settings_module.backups()
        if folder is None:
            raise Failure("MARKETING_BACKUPS is not set: there is nowhere to put a backup")
        store, now = Store(folder), clock.now()
        with run.step("backup") as step:
            made = make(run.settings, store, now, days)
            proof = prove(run.settings, store, settings_module.witness_root(), now, made.name)
            step.rows = made.files
        return MaterializeResult(
            metadata={
                "backup": made.name,
                "files": made.files,
                "megabytes": made.size_bytes / 1e6,
                "megabytes_new": made.new_bytes / 1e6,
                "backups_removed": len(made.removed),
            },
            check_results=[
                AssetCheckResult(
                    check_name=RESTORES,
                    passed=not proof.faults,
                    metadata={
                        "faults": MetadataValue.json(proof.faults),
                        "streams": proof.streams,
                        "rows": proof.rows,
                    },
                )
            ],
        )

    return backup
