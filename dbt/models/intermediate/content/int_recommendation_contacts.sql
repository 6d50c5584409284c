-- One row per contact that gets recommendations: it may be profiled and written to, and was active
-- lately or has a target role.
with traits as (

    select * from {{ ref('int_contact_traits') }}

),

settings as (

    select
        settings.*,
        run_context.as_of
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

active as (

    select distinct touches.contact_id
    from {{ ref('fct_touchpoints') }} as touches
    cross join settings
    where
        touches.actor_class <> 'machine'
        and touches.occurred_at >= settings.as_of - settings.active_days * interval '1' day
        and touches.occurred_at < settings.as_of

)

select
    traits.contact_id,
    {{ number_of('traits.contact_id') }} as contact_number,
    traits.vertical,
    lower({{ text_before('traits.language', '-') }}) as language,
    stages.stage,
    coalesce(personas.persona, '') as persona
from traits
inner join {{ ref('int_contact_permissions') }} as permissions
    on
        traits.contact_id = permissions.contact_id
        and permissions.may_profile
        and permissions.may_write
inner join {{ ref('buyer_stages') }} as stages on traits.contact_id = stages.contact_id
inner join {{ ref('contact_personas') }} as personas on traits.contact_id = personas.contact_id
left join active on traits.contact_id = active.contact_id
left join {{ ref('stg_marketing__recommendation_lists') }} as target_roles
    on target_roles.kind = 'target_role' and traits.role = target_roles.name
where active.contact_id is not null or target_roles.name is not null
