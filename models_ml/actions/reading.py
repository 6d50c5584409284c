"""What decisions about actions read of the warehouse: who got an action before and what followed,
who was held out, and who may get which now.

Only earlier runs' messages and assignments count: a run decides before it sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from workspace.buckets import BUCKETS, bucket_sql
from workspace.definitions.actions import Actions
from workspace.definitions.campaigns import Campaign
from workspace.definitions.caps import Holdout
from workspace.definitions.experiments import HOLDOUT, Experiment

SNAPSHOTS = "marts.contact_feature_snapshots"
#: Columns of a snapshot that are no features.
NOT_FEATURES = ("contact_id", "account_id", "snapshot_at", "vertical")

_SAMPLED = bucket_sql("'exposures'", "contact_id || got_at")

#: One row per time that a contact got an action: mails of an old tool, messages of ours that went
#: out, and what shows that a task was done.
_GOT = """
    select mailings.action, mails.contact_id, coalesce(mails.sent_at, mails.delivered_at) as got_at
    from marts.fct_emails as mails
    inner join nba_mailings as mailings on mails.mailing_id glob mailings.pattern
    where mails.source = 'mail_tool' and mails.bounced_at is null
    union all
    select actions.action, coalesce(identities.contact_id, states.contact_id), states.sent_at
    from (
        select distinct message_id, source_kind, source_key, contact_id, sent_at
        from lake.message_states
        where sent_at is not null and known_at < $as_of
    ) as states
    inner join nba_actions as actions
        on states.source_kind = actions.source_kind and states.source_key = actions.source_key
    left join marts.identity_map as identities on states.contact_id = identities.identifier_key
    union all
    select touches.action, done.contact_id, done.occurred_at
    from marts.fct_touchpoints as done
    inner join nba_touches as touches
        on touches.shows = 'done' and done.touch_type = touches.touch_type
    inner join marts.dim_contacts as contacts on done.contact_id = contacts.contact_id
    inner join nba_actions as actions
        on touches.action = actions.action and contacts.vertical = actions.vertical
    where done.actor_class != 'machine'
"""

#: What followed each row of ``nba_told`` (action, contact_id, got_at): a response, a stop.
_FOLLOWED = """
    select
        told.*,
        exists (
            select 1
            from marts.fct_touchpoints as touches
            inner join nba_touches as wanted
                on wanted.shows = 'response' and touches.touch_type = wanted.touch_type
            where
                wanted.action = told.action
                and touches.contact_id = told.contact_id
                and touches.actor_class != 'machine'
                and touches.occurred_at > told.got_at
                and touches.occurred_at <= told.got_at + actions.within_days * interval 1 day
        ) as responded,
        exists (
            select 1
            from marts.unsubscribes as stops
            where
                stops.contact_id = told.contact_id
                and stops.unsubscribed_at > told.got_at
                and stops.unsubscribed_at <= told.got_at + actions.within_days * interval 1 day
        ) as stopped
    from nba_told as told
    inner join nba_actions as actions on told.action = actions.action
"""

_FEATURES_THEN = f"""
    select
        followed.*,
        snapshots.snapshot_at is not null as has_features,
        snapshots.* exclude ({", ".join(NOT_FEATURES)})
    from nba_followed as followed
    asof left join {SNAPSHOTS} as snapshots
        on followed.contact_id = snapshots.contact_id
        and followed.got_at >= snapshots.snapshot_at
    order by action, got_at, followed.contact_id
"""


class Reader:
    """One warehouse, as of a run, for the actions that are approved."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        actions: Actions,
        campaigns: Mapping[str, Campaign],
        experiments: Mapping[str, Experiment],
        holdout: Holdout,
        as_of: datetime,
    ) -> None:
        self.connection, self.as_of, self.holdout = connection, as_of, holdout
        self.settings = actions
        self.actions = {key: action for key, action in actions.actions.items() if action.approved}
        self._show(campaigns, experiments)
        self._table("nba_got", _GOT, as_of=as_of)

    def exposures(self) -> pl.DataFrame:
        """Who got what when, whether it was followed by a response or a stop within the action's
        days (all of them over), and what was known of the contact then; about ``most_exposures`` of
        each action at most, drawn by a hash. Of a contact without an earlier snapshot nothing was
        known: ``has_features`` is false."""
        self._table(
            "nba_told",
            f"""
            with told as (
                select got.action, got.contact_id, got.got_at
                from nba_got as got
                inner join nba_actions as actions on got.action = actions.action
                where
                    got.got_at >= $since
                    and got.got_at + actions.within_days * interval 1 day <= $as_of
                    and got.contact_id is not null
            ),

            counted as (
                select *, count(*) over (partition by action) as rows_of_action
                from told
            )

            select action, contact_id, got_at
            from counted
            where {_SAMPLED} * rows_of_action < $most * {BUCKETS}
            """,
            since=self.as_of - timedelta(days=self.settings.history_days),
            as_of=self.as_of,
            most=self.settings.most_exposures,
        )
        return self._followed()

    def held_out(self) -> pl.DataFrame:
        """People assigned by an action's campaign that holds people out, or by an experiment about
        it that does, as :meth:`exposures` has them, with ``treated``: whom none of them held out.
        """
        self._table(
            "nba_told",
            f"""
            select
                actions.action,
                coalesce(identities.contact_id, assigned.contact_id) as contact_id,
                min(assigned.assigned_at) as got_at,
                not bool_or(assigned.variant = '{HOLDOUT}') as treated
            from lake.experiment_assignments as assigned
            inner join nba_experiments as about on assigned.experiment = about.experiment
            inner join nba_actions as actions on about.action = actions.action
            left join marts.identity_map as identities
                on assigned.contact_id = identities.identifier_key
            where
                assigned.known_at < $as_of
                and assigned.assigned_at + actions.within_days * interval 1 day <= $as_of
            group by all
            """,
            as_of=self.as_of,
        )
        return self._followed()

    def candidates(self) -> pl.DataFrame:
        """(contact_id, action): who may get which now, by consent, vertical, role, stage, the
        universal hold-out and the action's days of rest. Who objects to profiling is not there."""
        return self.connection.execute(
            f"""
            select contacts.contact_id, actions.action
            from marts.dim_contacts as contacts
            left join marts.buyer_stages as stages on contacts.contact_id = stages.contact_id
            inner join nba_actions as actions on contacts.vertical = actions.vertical
            inner join marts.reachable_contacts as reachable
                on contacts.contact_id = reachable.contact_id
                and actions.purpose = reachable.purpose
                and actions.channel = reachable.channel
            left join (
                select action, contact_id, max(got_at) as got_at from nba_got group by all
            ) as got on actions.action = got.action and contacts.contact_id = got.contact_id
            where
                (len(actions.roles) = 0 or list_contains(actions.roles, contacts.role))
                and (
                    len(actions.stages) = 0 or list_contains(actions.stages, stages.stage)
                )
                and coalesce(got.got_at + actions.rest_days * interval 1 day <= $as_of, true)
                and not ({self.holdout.condition("contacts.contact_id")})
                and contacts.contact_id not in (
                    select contact_id from intermediate.int_profiling_objections
                )
            order by all
            """,
            {"as_of": self.as_of},
        ).pl()

    def present(self) -> pl.DataFrame:
        """What is known now of everybody, by contact."""
        return self.connection.execute(
            f"select * exclude (account_id, snapshot_at) from {SNAPSHOTS} "
            "where snapshot_at = $as_of order by contact_id",
            {"as_of": self.as_of},
        ).pl()

    def decided(self, round_on: date) -> bool:
        """Whether the round that begins on this day was decided."""
        return bool(
            self.connection.execute(
                "select count(*) from lake.action_decisions where round_on = ?", [round_on]
            ).fetchall()[0][0]
        )

    def followed(self, told: pl.DataFrame) -> pl.DataFrame:
        """Of rows (action, contact_id, decided_at, until_at): whether the action was done in
        between, and what followed it."""
        self.connection.register("nba_decided", told.to_arrow())
        self._table(
            "nba_told",
            """
            select got.action, got.contact_id, decided.decided_at, min(got.got_at) as got_at
            from nba_decided as decided
            inner join nba_got as got
                on decided.action = got.action and decided.contact_id = got.contact_id
            where got.got_at >= decided.decided_at and got.got_at < decided.until_at
            group by all
            """,
        )
        self.connection.unregister("nba_decided")
        return self.connection.execute(_FOLLOWED).pl()

    def _followed(self) -> pl.DataFrame:
        self._table("nba_followed", _FOLLOWED)
        return self.connection.execute(_FEATURES_THEN).pl()

    def _table(self, name: str, query: str, **given: Any) -> None:
        self.connection.execute(f"create or replace temp table {name} as {query}", given or None)

    def _show(
        self, campaigns: Mapping[str, Campaign], experiments: Mapping[str, Experiment]
    ) -> None:
        """The actions, their mailings, touches and experiments, as tables of this connection."""
        rows, mailings, touches, held = [], [], [], []
        for key, action in self.actions.items():
            campaign = campaigns[action.campaign] if action.campaign else None
            journey = campaign.journey if campaign else None
            rows.append(
                {
                    "action": key,
                    "vertical": action.vertical,
                    "campaign": action.campaign,
                    "source_kind": "journey" if journey else "campaign",
                    "source_key": journey or action.campaign,
                    "purpose": action.purpose,
                    "channel": action.channel,
                    "roles": action.roles,
                    "stages": action.stages,
                    "rest_days": action.rest_days,
                    "within_days": action.response.within_days,
                }
            )
            sources = {("campaign", action.campaign), ("journey", journey)}
            # Whom a campaign without a hold-out is sent to, there is nobody to compare with.
            held += [(key, f"campaign:{action.campaign}")] if campaign and campaign.holdout else []
            held += [
                (key, name)
                for name, experiment in experiments.items()
                if experiment.source in sources and HOLDOUT in experiment.variants
            ]
            mailings += [(key, pattern) for pattern in action.mailings]
            touches += [(key, "response", name) for name in action.response.touches]
            touches += [(key, "done", name) for name in action.done_by]
        text, texts, number = pa.string(), pa.list_(pa.string()), pa.int64()
        names = {"roles": texts, "stages": texts, "rest_days": number, "within_days": number}
        first = ("action", "vertical", "campaign", "source_kind", "source_key", "purpose")
        schema = pa.schema([*((n, text) for n in (*first, "channel")), *names.items()])
        self._given("nba_actions", pa.Table.from_pylist(rows, schema=schema))
        self._given("nba_mailings", _texts(("action", "pattern"), mailings))
        self._given("nba_experiments", _texts(("action", "experiment"), held))
        self._given("nba_touches", _texts(("action", "shows", "touch_type"), touches))

    def _given(self, name: str, table: pa.Table) -> None:
        self.connection.register("nba_given", table)
        self._table(name, "select * from nba_given")
        self.connection.unregister("nba_given")


def _texts(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> pa.Table:
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return pa.table(columns, schema=pa.schema([(name, pa.string()) for name in names]))


def models_told(connection: duckdb.DuckDBPyConnection) -> str:
    """The models of the last set of decisions, as a table in Markdown."""
    rows = connection.execute(
        "select action, basis, exposures, exposures_with_features, responses, "
        "round(response_rate, 4), round(auc, 3), control_people, round(qini, 5) "
        "from lake.action_models "
        "where sequence = (select max(sequence) from lake.action_models) order by action"
    ).fetchall()
    head = (
        "| action | basis | exposures | with features | responses | rate | AUC | held out | Qini |"
    )
    lines = [head, "|---" * 9 + "|"]
    lines += ["| " + " | ".join("" if v is None else str(v) for v in row) + " |" for row in rows]
    return "\n".join(lines)
