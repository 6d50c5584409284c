with states as (

    select * from {{ ref('stg_audiences__members') }}

),

defined as (

    select * from {{ ref('stg_marketing__audience_syncs') }}

),

standing as (

    select *
    from states
    qualify row_number() over (
        partition by destination, audience, member_id
        order by state_sequence desc, updated_at desc
    ) = 1

)

select
    {{ key_of(['standing.destination', 'standing.audience', 'standing.member_id']) }}
        as audience_member_id,
    standing.destination,
    standing.audience,
    defined.segment,
    standing.contact_id,
    standing.operation,
    standing.state,
    case
        when standing.operation = 'remove' and standing.state = 'confirmed' then 'gone'
        when standing.operation = 'remove' then 'leaving'
        when standing.state in ('sent', 'confirmed') then 'there'
        when standing.joined_at is not null then 'changing'
        else 'coming'
    end as standing,
    standing.joined_at,
    standing.attempts,
    standing.code as failure_code,
    standing.message as failure_text,
    standing.normaliser_version,
    standing.updated_at
from standing
left join defined on standing.audience = defined.audience
