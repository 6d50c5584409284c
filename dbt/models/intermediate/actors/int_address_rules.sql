-- Addresses that were seen and lie in a range of actors.yml. What is no IPv4 address has no row.
with addresses as (

    select ip from {{ ref('int_interactions') }} where ip is not null
    union
    select ip from {{ ref('int_mail_reactions') }} where ip is not null

),

numbered as (

    select
        ip,
        {{ ipv4_number('ip') }} as address
    from addresses

)

select
    numbered.ip,
    networks.actor_rule,
    networks.confidence
from numbered
inner join {{ ref('stg_marketing__actor_networks') }} as networks
    on numbered.address between networks.first_address and networks.last_address
qualify row_number() over (
    partition by numbered.ip order by networks.confidence desc, networks.actor_rule asc
) = 1
