"""What is published, in a Postgres too."""

from dagster import AssetsDefinition, Failure, MaterializeResult, MetadataValue, asset

from dagster_project.resources import WorkspaceResource
from reverse_etl.publish.postgres import PostgresFault, load
from workspace import clock, settings


def build_postgres_asset() -> AssetsDefinition:
    @asset(
        deps=["published"],
        group_name="published",
        kinds={"postgres"},
        owners=["team:data"],
        description=(
            "The published marts in the schema marts of the Postgres at "
            "MARKETING_PUBLISH_POSTGRES, every table of one version. Without that variable, and in "
            "a run of a past as_of, nothing is done."
        ),
    )
    def published_postgres(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        url = settings.publish_postgres()
        if url is None or run.is_past:
            return MaterializeResult(metadata={"built": False})
        with run.step("published_postgres") as step:
            try:
                done = load(run.settings.paths, url, clock.now(), workspace.full_refresh)
            except PostgresFault as fault:
                # The cause has an address and rows in its text.
                raise Failure(f"not in Postgres: {fault}", allow_retries=False) from None
            step.rows = sum(done.rows.values())
        listing = "\n".join(f"| {name} | {rows} |" for name, rows in done.rows.items())
        replaced = "\n".join(f"| {place} | {texts} |" for place, texts in done.nuls.items())
        return MaterializeResult(
            metadata={
                "built": True,
                "version": done.version,
                "dagster/row_count": sum(done.rows.values()),
                "tables_loaded": len(done.rows),
                "tables_kept": len(done.kept),
                "tables_dropped": ", ".join(done.dropped),
                "rows": MetadataValue.md("| table | rows |\n|---|---|\n" + listing),
                "nul_replaced": MetadataValue.md("| column | texts |\n|---|---|\n" + replaced),
            }
        )

    return published_postgres
