"""Segments, journeys and campaigns as runs found them, and what audiences and the CRM hold."""

from __future__ import annotations

from workspace.streams.shapes import INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
        "segments",
        "segment_definitions",
        "segment known_at",
        [
            ("segment", TEXT),
            ("definition_hash", TEXT),
            ("status", TEXT),  # active | retired
            ("definition", TEXT),
            ("sequence", INT),
        ],
        "What marketing/segments/*.yml said: one row per segment and change of its file; "
        "definition is JSON.",
        lineage=False,
    ),
    stream(
        "segments",
        "segment_changes",
        "segment member_type member_id sequence",
        [
            ("segment", TEXT),
            ("member_type", TEXT),  # contact | account
            ("member_id", TEXT),
            ("account_id", TEXT),
            ("change", TEXT),  # entered | left
            ("definition_hash", TEXT),
            ("sequence", INT),
        ],
        "Who came into a segment and who left: one row per segment, member and change.",
        decided=True,
    ),
    stream(
        "segments",
        "segment_evaluations",
        "segment known_at sequence",
        [
            ("segment", TEXT),
            ("definition_hash", TEXT),
            ("status", TEXT),  # applied | held
            ("members_before", INT),
            ("members", INT),
            ("entered", INT),
            ("departed", INT),
            ("sampled", INT),
            ("sample_found", INT),
            ("sample_true", INT),
            ("sample_both", INT),
            ("sequence", INT),
        ],
        "What each run found of each segment: one row per segment and run; sample_ columns count "
        "contacts or accounts that both evaluations looked at.",
        decided=True,
    ),
    stream(
        "segments",
        "segment_acceptances",
        "segment definition_hash known_at",
        [("segment", TEXT), ("definition_hash", TEXT), ("sequence", INT)],
        "Large changes that somebody let through: one row per segment and acceptance.",
        lineage=False,
    ),
    stream(
        "segments",
        "segment_snapshots",
        "snapshot_id contact_id",
        [
            ("snapshot_id", TEXT),
            ("segment", TEXT),
            ("definition_hash", TEXT),
            ("contact_id", TEXT),
            ("account_id", TEXT),
            ("members_as_of", TIME),
        ],
        "Who was in a segment when a snapshot was taken: one row per snapshot and contact.",
        lineage=False,
    ),
    stream(
        "journeys",
        "journey_versions",
        "journey version known_at sequence",
        [
            ("journey", TEXT),
            ("version", INT),
            ("definition_hash", TEXT),
            ("status", TEXT),  # active | retired
            ("reason", TEXT),  # file | rollback
            ("definition", TEXT),
            ("sequence", INT),
        ],
        "What marketing/journeys/*.yml said: one row per journey and change of the version in "
        "force; definition is JSON.",
        lineage=False,
    ),
    stream(
        "journeys",
        "journey_enrolments",
        "journey contact_id known_at",
        [("journey", TEXT), ("contact_id", TEXT), ("request_id", TEXT)],
        "Whom somebody put into a journey by hand: one row per journey, contact and request.",
        lineage=False,
    ),
    stream(
        "journeys",
        "journey_steps",
        "enrolment_id node visit",
        [
            ("journey", TEXT),
            ("version", INT),
            ("enrolment_id", TEXT),
            ("contact_id", TEXT),
            ("occurrence", INT),
            ("step_number", INT),
            ("node", TEXT),
            ("visit", INT),
            ("kind", TEXT),  # trigger | wait | condition | split | action | exit | watch
            ("outcome", TEXT),
            ("next_node", TEXT),
            ("arrived_at", TIME),
            ("left_at", TIME),
            ("evidence", TEXT),
            ("sequence", INT),
        ],
        "What journeys did: one row per node that an enrolment passed, and per condition of a "
        "trigger that became true or ceased to be.",
        decided=True,
    ),
    stream(
        "campaigns",
        "campaign_versions",
        "campaign version sequence",
        [
            ("campaign", TEXT),
            ("version", INT),
            ("definition_hash", TEXT),
            ("status", TEXT),  # active | retired
            ("definition", TEXT),
            ("sequence", INT),
        ],
        "What marketing/campaigns/*.yml said: one row per campaign and change of its file; "
        "definition is JSON.",
        lineage=False,
    ),
    stream(
        "campaigns",
        "campaign_launches",
        "campaign occurrence planned_at",
        [
            ("campaign", TEXT),
            ("occurrence", TEXT),
            ("version", INT),
            ("definition_hash", TEXT),
            ("status", TEXT),  # launched | missed
            ("reason", TEXT),  # too_late | superseded
            ("planned_at", TIME),
            ("contacts", INT),
            ("snapshot_id", TEXT),
        ],
        "Occurrences of campaigns: one row per campaign and time its audience was taken, or it "
        "was too late to.",
        decided=True,
    ),
    stream(
        "audiences",
        "audience_syncs",
        "destination audience contact_id sequence",
        [
            ("destination", TEXT),
            ("audience", TEXT),
            ("contact_id", TEXT),
            ("operation", TEXT),  # add | remove
            ("state", TEXT),  # due | sent | confirmed | failed
            ("normaliser_version", TEXT),
            ("attempts", INT),
            ("code", TEXT),
            ("message", TEXT),
            ("joined_at", TIME),
            ("updated_at", TIME),
            ("sequence", INT),
        ],
        "The ledger's audience members: one row per destination, audience and member, and state "
        "that an export found it in.",
        lineage=False,
    ),
    stream(
        "audiences",
        "audience_runs",
        "sync_id",
        [
            ("sync_id", TEXT),
            ("destination", TEXT),
            ("audience", TEXT),
            ("status", TEXT),  # done | planned | held | paused
            ("reason", TEXT),
            ("queried", INT),
            ("added", INT),
            ("changed", INT),
            ("removed", INT),
            ("unchanged", INT),
            ("invalid", INT),
            ("delivered", INT),
            ("failed", INT),
            ("as_of", TIME),
            ("started_at", TIME),
            ("finished_at", TIME),
            ("sequence", INT),
        ],
        "Syncs of audiences: one row per audience and sync.",
        lineage=False,
    ),
    stream(
        "audiences",
        "crm_action_states",
        "action_id sequence",
        [
            ("action_id", TEXT),
            ("kind", TEXT),  # task | ticket | update
            ("source_kind", TEXT),  # journey | campaign | route
            ("source_key", TEXT),
            ("contact_id", TEXT),
            ("state", TEXT),  # due | sending | delivered | failed | unknown
            ("remote_id", TEXT),
            ("attempts", INT),
            ("code", TEXT),
            ("message", TEXT),
            ("requested_at", TIME),
            ("updated_at", TIME),
            ("sequence", INT),
        ],
        "Tasks, tickets and changes that the CRM was asked for: one row per action and state that "
        "an export found it in.",
        lineage=False,
    ),
]
