-- The pairs of objects that are associated as last known. A set_hash names all that an object was
-- linked to when it was asked: a pair whose newest row is of an older set has ended. Pairs without
-- one stand by themselves. A contact merged away is replaced by its survivor, before the sets are
-- compared: what the survivor was last linked to is what holds for both.
with merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

),

typed as (

    select
        *,
        {{ crm_object_type('from_type') }} as from_object_type,
        {{ crm_object_type('to_type') }} as to_object_type
    from {{ source('lake', 'crm_associations') }}

),

survived as (

    select
        typed.from_object_type as from_type,
        typed.to_object_type as to_type,
        typed.labels,
        typed.is_associated,
        typed.set_hash,
        typed.known_at,
        typed.landing_file,
        typed.landing_line,
        coalesce(merged_from.surviving_crm_id, typed.from_id) as from_id,
        coalesce(merged_to.surviving_crm_id, typed.to_id) as to_id
    from typed
    left join merged_ids as merged_from
        on typed.from_object_type = 'contacts' and typed.from_id = merged_from.merged_crm_id
    left join merged_ids as merged_to
        on typed.to_object_type = 'contacts' and typed.to_id = merged_to.merged_crm_id

),

associations as (

    select *
    from survived
    qualify row_number() over (
        partition by from_type, from_id, to_type, to_id
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

newest_sets as (

    select
        from_type,
        from_id,
        to_type,
        set_hash
    from survived
    where set_hash is not null
    qualify row_number() over (
        partition by from_type, from_id, to_type
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    associations.from_type,
    associations.from_id,
    associations.to_type,
    associations.to_id,
    associations.labels,
    associations.known_at
from associations
left join newest_sets
    on
        associations.from_type = newest_sets.from_type
        and associations.from_id = newest_sets.from_id
        and associations.to_type = newest_sets.to_type
where
    coalesce(associations.is_associated, true)
    and (associations.set_hash is null or associations.set_hash = newest_sets.set_hash)
