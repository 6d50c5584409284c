"""Numbers beside assets that Dagster plots over runs: what an operator wants to see move."""

from __future__ import annotations

from typing import Any

_LAST_MONTH = "is_complete qualify month = max(month) over ()"
#: Marts know the run's time from staging.
_AS_OF = "(select as_of from staging.stg_system__run_context)"

#: Mart -> the query whose rows (a name, a number) stand on its asset page. A name's words are
#: joined by underscores; what a number counts is said by its name and, per asset, below.
NUMBERS = {
    # Targets of the last complete month by their status, and the recurring revenue.
    "kpi_monthly": f"""
        with kpis as (select * from marts.kpi_monthly where {_LAST_MONTH})
        select 'targets ' || target_status, count(*) from kpis
        where target_value is not null group by all
        union all
        select 'arr ' || vertical, value from kpis
        where metric = 'arr' and metric_window = 'month' and value is not null
    """,
    "segment_counts": """
        select 'members ' || segment, max(members) from marts.segment_counts group by segment
    """,
    # What became of messages in the seven days before the run.
    "delivery_logs": f"""
        select event_type || ' in 7 days', count(*) from marts.delivery_logs
        where not is_test and occurred_at > {_AS_OF} - interval 7 day group by event_type
    """,
    "message_queue": f"""
        select status || ' in 7 days', count(*) from marts.message_queue
        where decided_at > {_AS_OF} - interval 7 day group by status
    """,
    "journey_executions": """
        select status, count(*) from marts.journey_executions group by status
    """,
    # Each channel's share of the credit of the last 90 days under the primary model.
    "attribution_credits": f"""
        with credits as (
            select credits.channel, sum(credits.credit_base) as credit
            from marts.attribution_credits as credits
            inner join marts.attribution_models as models
                on credits.model = models.model and models.is_primary
            where credits.converted_on > cast({_AS_OF} as date) - 90
            group by credits.channel
        )
        select 'share ' || channel, credit / nullif(sum(credit) over (), 0) from credits
    """,
    "model_performance": """
        select model || ' ' || metric, value from marts.model_performance
        where is_latest and slice = 'all' and metric in ('auc', 'brier')
        qualify row_number() over (
            partition by model, metric order by measured_at desc, version desc, metric_window
        ) = 1
    """,
    # By the record as this model saw it: publishing comes after.
    "run_log": """
        select 'run seconds', date_diff('millisecond', min(started_at), max(finished_at)) / 1000
        from marts.run_log where run_id = (select run_id from lake.run_context)
    """,
    # Times that were due in the day before the run, by what became of them.
    "scheduled_runs": f"""
        select outcome || ' in 24 hours', count(*) from marts.scheduled_runs
        where scheduled_at > {_AS_OF} - interval 24 hour group by outcome
    """,
    "http_latency_daily": """
        select family || ' p95 ms', p95_ms from marts.http_latency_daily
        qualify answered_on = max(answered_on) over (partition by family)
    """,
}


def numbers(connection: Any, mart: str) -> dict[str, int | float]:
    """A mart's numbers by name; none where it has no query, or no rows yet."""
    if mart not in NUMBERS:
        return {}
    rows = connection.execute(NUMBERS[mart]).fetchall()
    return {
        name.replace(" ", "_"): value if isinstance(value, int) else float(value)
        for name, value in sorted(rows)
        if value is not None
    }
