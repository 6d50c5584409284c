{{ config(materialized='view') }}

-- One row per link, by the numbers of the two groups that it ties.
with links as (

    select
        stronger_type,
        {{ number_of('stronger_key') }} as stronger_id,
        weaker_type,
        {{ number_of('weaker_key') }} as weaker_id
    from {{ ref('int_identity_links') }}

),

-- The few that do not stand in a group of their own.
grouped as (

    select
        identifier_id,
        group_id
    from {{ ref('int_identity_identifiers') }}
    where identifier_id <> group_id

)

select
    links.stronger_type,
    coalesce(stronger.group_id, links.stronger_id) as stronger_id,
    links.weaker_type,
    coalesce(weaker.group_id, links.weaker_id) as weaker_id
from links
left join grouped as stronger on links.stronger_id = stronger.identifier_id
left join grouped as weaker on links.weaker_id = weaker.identifier_id
