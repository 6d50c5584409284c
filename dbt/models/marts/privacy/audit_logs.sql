with entries as (

    select * from {{ ref('stg_privacy__audit_chain') }}

),

-- A restored ledger goes on from where its backup ended: what it had behind that is lost.
exports as (

    select
        sequence,
        min(position) as first_position
    from entries
    group by sequence

),

ends as (

    select
        sequence,
        min(first_position) over (
            order by sequence desc
            rows between unbounded preceding and 1 preceding
        ) as next_position
    from exports

)

select
    entries.position,
    entries.entered_at,
    entries.actor,
    entries.action,
    {{ text_before('entries.object', ':') }} as object_kind,
    entries.object,
    entries.subject_key,
    entries.before_hash,
    entries.after_hash,
    entries.reason,
    entries.previous,
    entries.digest,
    coalesce(entries.position >= ends.next_position, false) as is_lost,
    entries.known_at
from entries
inner join ends on entries.sequence = ends.sequence
