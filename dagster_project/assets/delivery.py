"""Sending what the outbox holds. Part of no refresh: a job or a schedule of its own asks."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetsDefinition,
    Config,
    MaterializeResult,
    MetadataValue,
    asset,
)
from pydantic import Field

from dagster_project.assets.lake import stream_key
from dagster_project.jobs import DELIVERY
from dagster_project.resources import WorkspaceResource

KEYS_HOLD = "no_provider_refuses_its_key"
SETTLED = "what_left_is_known"


class SendConfig(Config):
    """The launchpad's form."""

    dry_run: bool = Field(default=False, description="Say what would leave; send nothing.")
    limit: int | None = Field(default=None, description="At most so many messages.")
    take_lease: bool = Field(
        default=False, description="Send from this workspace from here on (docs/delivery.md)."
    )


def build_delivery_assets() -> list[AssetsDefinition]:
    return [deliveries]


@asset(
    deps=[stream_key("message_states")],
    group_name=DELIVERY,
    kinds={"python"},
    owners=["team:marketing"],
    description="Sends what is due through the providers of marketing/providers.yml; a dry run "
    "until one of them is live. Marts tell of it from the next run on.",
    check_specs=[
        AssetCheckSpec(
            KEYS_HOLD,
            asset="deliveries",
            description="No provider has refused its key: such a one is paused, and what it would "
            "have sent goes to the next or waits.",
        ),
        AssetCheckSpec(
            SETTLED,
            asset="deliveries",
            description="No message is unknown: perhaps sent, and neither a webhook nor a look-up "
            "has said so. None is sent again blindly.",
        ),
    ],
)
def deliveries(workspace: WorkspaceResource, config: SendConfig) -> MaterializeResult:
    from dagster_project.delivering import desk
    from reverse_etl.delivery.sender import Report
    from reverse_etl.delivery.service import Delivered, deliver
    from workspace.ledger import outstanding, providers

    run = workspace.run
    with run.step("deliveries") as step, desk(run.settings, run.definitions, True) as found:
        done = Delivered(Report(), is_rehearsal=True)
        if not run.is_past:
            done = deliver(
                found,
                take_lease=config.take_lease,
                is_rehearsal=config.dry_run,
                limit=config.limit,
            )
        step.rows = 0 if done.is_rehearsal else done.report.outcomes["accepted"]
        paused = [one.provider for one in providers.paused(found.ledger)]
        unknown = sum(
            row["messages"] for row in outstanding.counts(found.ledger) if row["state"] == "unknown"
        )
    lines = ["| | messages |", "|---|---|"]
    lines += [f"| {name} | {count:,} |" for name, count in sorted(done.report.outcomes.items())]
    lines += [f"| not now: {gate} | {n:,} |" for gate, n in sorted(done.report.gates.items())]
    return MaterializeResult(
        metadata={
            "dry_run": done.is_rehearsal,
            **{f"messages_{name}": count for name, count in done.report.outcomes.items()},
            "messages_unknown_by_now": unknown,
            "messages": MetadataValue.md("\n".join(lines)),
            "not_asked": MetadataValue.json(dict(done.idle)),
        },
        check_results=[
            AssetCheckResult(
                check_name=KEYS_HOLD, passed=not paused, metadata={"paused": ", ".join(paused)}
            ),
            AssetCheckResult(
                check_name=SETTLED,
                passed=unknown == 0,
                severity=AssetCheckSeverity.WARN,
                metadata={"unknown": unknown},
            ),
        ],
    )
