-- Every entry of the audit chain follows the one before. The ledger's own digests are checked where
-- it is exported; this holds for the copy that readers have.
with entries as (

    select * from {{ ref('audit_logs') }}
    where not is_lost

),

linked as (

    select
        position,
        previous,
        lag(position, 1, 0) over (order by position) as position_before,
        lag(digest, 1, repeat('0', 64)) over (order by position) as digest_before
    from entries

)

select *
from linked
where position <> position_before + 1 or previous <> digest_before
