with best as (

    select *
    from {{ ref('int_contact_account_evidence') }}
    qualify row_number() over (
        partition by contact_id, account_id order by evidence_rank, created_at nulls last
    ) = 1

)

select
    contact_id,
    account_id,
    evidence,
    row_number() over (
        partition by contact_id order by evidence_rank, created_at nulls last, account_id
    ) = 1 as is_primary
from best
