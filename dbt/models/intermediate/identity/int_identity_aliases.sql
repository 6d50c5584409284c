-- CRM contacts that the CRM merged, and user ids that a sender aliased, are one (`group_key`, the
-- smallest of them), however long the chain.
with recursive identifiers as ( -- noqa: PRS

    select
        identifier_type,
        identifier_key
    from {{ ref('int_identity_seen') }}

),

messages as (

    select * from {{ ref('int_identity_messages') }}

),

contact_keys as (

    select distinct
        crm_id,
        contact_key
    from {{ source('lake', 'crm_contacts') }}

),

-- A previous id that several took over is nobody's.
aliases as (

    select
        previous_user_key,
        min(user_key) as user_key
    from messages
    where user_key <> previous_user_key
    group by previous_user_key
    having count(distinct user_key) = 1

),

same as (

    select
        merged.contact_key as node,
        surviving.contact_key as neighbour
    from {{ ref('stg_crm__contact_merges') }} as merged_ids
    inner join contact_keys as merged on merged_ids.merged_crm_id = merged.crm_id
    inner join contact_keys as surviving on merged_ids.surviving_crm_id = surviving.crm_id
    union
    select
        aliases.user_key as node,
        aliases.previous_user_key as neighbour
    from aliases
    inner join identifiers
        on
            aliases.previous_user_key = identifiers.identifier_key
            and identifiers.identifier_type = 'user_id'

),

edges as (

    select node, neighbour from same
    union
    select neighbour as node, node as neighbour from same

),

{{ connected_components('edges') }}

select
    components.node as identifier_key,
    min(components.node) over (partition by components.label) as group_key
from components
inner join identifiers on components.node = identifiers.identifier_key
