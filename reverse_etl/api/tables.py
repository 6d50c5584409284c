"""What is held of a version: tables in the order in which pages go through them.

A table of memory is read in the order in which its rows were put in, and a column that is sorted
lets whole groups of rows be passed over: a row by the first column of the order, or a page that
begins anywhere, costs about a millisecond of a million rows. ``*_hash`` is for rows by another
column: eight bytes a row to look through.
"""

from __future__ import annotations

TABLES = {
    "kpis": """
        select * from marts.kpi_monthly order by metric, vertical, metric_window, month
    """,
    "campaigns": """
        select * from marts.campaigns order by campaign
    """,
    "campaign_cards": """
        select * from marts.campaign_scorecard order by campaign
    """,
    "segments": """
        select * from marts.marketing_segments where is_current order by segment
    """,
    "segment_reach": """
        select * from marts.segment_counts order by segment, purpose, channel
    """,
    "members": """
        select * from marts.segment_memberships order by contact_id, segment
    """,
    "contacts": """
        with memberships as (
            select contact_id, list(segment order by segment) as segments
            from marts.segment_memberships
            group by contact_id
        )
        select c.*, hash(c.account_id) as account_hash, coalesce(m.segments, []) as segments
        from marts.contact_features as c
        left join memberships as m using (contact_id)
        order by c.contact_id
    """,
    "actions": """
        select * from marts.next_best_actions order by contact_id
    """,
    "content": """
        select * from marts.content_recommendations order by contact_id, recommendation_rank
    """,
    "messages": """
        select
            q.*,
            hash(q.intent_id) as intent_hash,
            w.gate_text,
            w.is_final,
            w.is_unreachable
        from marts.message_queue as q
        left join marts.why_not_sent as w using (intent_id)
        order by q.contact_id, q.intended_at desc, q.intent_id desc
    """,
    "accounts": """
        select * from marts.account_features order by account_id
    """,
    "coverage": """
        select * from marts.account_coverage order by account_id
    """,
    "engagement": """
        select * from marts.account_engagement order by account_id
    """,
    "scores": """
        select *, hash(subject_id) as subject_hash
        from marts.predictions
        order by model, subject_id
    """,
    "audit": """
        select * from marts.audit_logs order by position, digest
    """,
}
