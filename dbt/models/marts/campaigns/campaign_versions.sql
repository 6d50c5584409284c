with versions as (

    select * from {{ ref('stg_campaigns__versions') }}

),

numbered as (

    select
        *,
        row_number() over (
            partition by campaign order by known_at desc, version_sequence desc
        ) = 1 as is_last
    from versions

)

select
    campaign,
    version,
    max_by(definition_hash, version_sequence) as definition_hash,
    min(known_at) as first_in_force_at,
    bool_or(is_last and status = 'active') as is_in_force,
    max_by(definition, version_sequence) as definition
from numbered
group by campaign, version
