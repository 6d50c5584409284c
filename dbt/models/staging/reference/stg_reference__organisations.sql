-- The version in force of each public organisation of reference.
with organisations as (

    select *
    from {{ source('lake', 'organisations') }}
    qualify row_number() over (
        partition by level, code order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    level,
    code,
    name,
    siren,
    departement_code,
    region_code,
    population,
    known_at
from organisations
