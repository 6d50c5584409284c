"""Jobs: the refresh, the nightly run that also tidies the lake, campaigns, and what leaves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dagster import AssetSelection, define_asset_job, monthly_partitioned_config

MAINTENANCE = "maintenance"
#: Groups whose assets reach people and other systems: only jobs of their own ask for them.
DELIVERY, AUDIENCES = "delivery", "audiences"
OUTWARD = (DELIVERY, AUDIENCES)
#: Models are fitted by a job of their own: a plain run only scores.
TRAINING = "training"
#: Copies of what cannot be computed again: a job of its own, too.
BACKUPS = "backups"

refresh = define_asset_job(
    "refresh",
    selection=AssetSelection.all()
    - AssetSelection.groups(MAINTENANCE, TRAINING, BACKUPS, *OUTWARD),
    description="Takes in what has landed, rebuilds every mart and publishes.",
    tags={"dagster/max_retries": "0"},
)

nightly = define_asset_job(
    "nightly",
    selection=AssetSelection.all() - AssetSelection.groups(TRAINING, BACKUPS, *OUTWARD),
    description="The refresh, and the compaction of the lake's small files.",
    tags={"dagster/max_retries": "0"},
)

#: The first month of the list in Dagster; earlier days are asked for by the refresh's ``as_of``.
FIRST_MONTH = "2024-01-01"


@monthly_partitioned_config(start_date=FIRST_MONTH)
def _as_of_its_end(_start: datetime, end: datetime) -> dict[str, Any]:
    """A run that looks from the first moment (UTC) after the month."""
    return {"resources": {"workspace": {"config": {"as_of": end.strftime("%Y-%m-%dT00:00:00Z")}}}}


past_months = define_asset_job(
    "past_months",
    selection=AssetSelection.all()
    - AssetSelection.groups(MAINTENANCE, TRAINING, BACKUPS, *OUTWARD),
    config=_as_of_its_end,
    description="A back-fill: everything as it was known when a month had ended, published below "
    "published/as_of/ beside the present, which stays as it is. Several months run one after the "
    "other.",
    tags={"dagster/max_retries": "0"},
)

retrain = define_asset_job(
    "retrain",
    selection=AssetSelection.all() - AssetSelection.groups(MAINTENANCE, BACKUPS, *OUTWARD),
    description="The refresh, in which every model is trained anew; one that is not worse than the "
    "champion takes over and scores in the same run.",
    tags={"dagster/max_retries": "0"},
)

#: Scoring by itself: the marts that show scores, and what is published.
SCORES = " or ".join(
    [
        *(f'key:"lake/{name}"' for name in ("predictions", "model_metrics")),
        *(f'key:"stg_models__{name}"' for name in ("predictions", "metrics")),
        *(f'key:"{name}"' for name in ("predictions", "ml_models", "model_performance")),
        *(f'key:"{name}"' for name in ("int_contact_scores", "contact_features")),
        *(f'key:"{name}"' for name in ("stg_models__promotions", "account_features")),
        'group:"published"',
    ]
)

_VERSIONS = ("campaign_versions", "journey_versions", "template_versions")
#: What stands on versions alone, and is made before segments are.
_OF_VERSIONS = (
    "stg_campaigns__versions",
    "stg_journeys__versions",
    "stg_journeys__nodes",
    "campaign_versions",
)
_GROUPS = ("journeys", "experiments", "activation", "published")
#: The same as the job's selection, for the command line.
CAMPAIGNS = " or ".join(
    [
        *(f'key:"lake/{name}"' for name in _VERSIONS),
        *(f'key:"{name}"' for name in _OF_VERSIONS),
        *(f'group:"{name}"' for name in _GROUPS),
    ]
)
_MESSAGES = ("experiment_assignments", "message_intents", "message_decisions", "message_states")
#: What asks for confirmations: messages are decided and queued, and nothing is launched.
CONFIRMATIONS = " or ".join(
    [
        *(f'key:"lake/{name}"' for name in _MESSAGES),
        *(f'group:"{name}"' for name in ("activation", "published")),
    ]
)

_CAMPAIGNS = (
    AssetSelection.assets(*(["lake", name] for name in _VERSIONS), *_OF_VERSIONS)
    | AssetSelection.groups(*_GROUPS)
).required_multi_asset_neighbors()

campaigns = define_asset_job(
    "campaigns",
    selection=_CAMPAIGNS,
    description="Launches campaigns, goes on with journeys and queues what passes the gates, over "
    "contacts and segments as the last refresh left them.",
    tags={"dagster/max_retries": "0"},
)

send = define_asset_job(
    "send",
    selection=AssetSelection.groups(DELIVERY),
    description="Sends what is due. Its launchpad has dry_run; without a live provider it is one.",
    tags={"dagster/max_retries": "0"},
)

due_campaigns = define_asset_job(
    "due_campaigns",
    selection=_CAMPAIGNS | AssetSelection.groups(DELIVERY),
    description="The job campaigns, and then what is due is sent.",
    tags={"dagster/max_retries": "0"},
)

daily_backup = define_asset_job(
    "daily_backup",
    selection=AssetSelection.groups(BACKUPS),
    description="Backs the workspace up to MARKETING_BACKUPS, and restores the backup to prove it.",
    tags={"dagster/max_retries": "0"},
)

audiences = define_asset_job(
    "audiences",
    selection=AssetSelection.groups(AUDIENCES),
    description="Syncs audiences and the CRM with what was last published.",
    tags={"dagster/max_retries": "0"},
)
