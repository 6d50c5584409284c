with contacts as (

    select * from {{ ref('int_contacts') }}

),

objections as (

    select * from {{ ref('int_profiling_objections') }}

),

buying_roles as (

    select
        parameter_key as role,
        {{ json_number('weight') }} as role_weight
    from ({{ parameter_rows('buying_roles') }}) as found

),

settings as (

    select max({{ json_number('default_role_weight') }}) as default_role_weight
    from ({{ parameter_rows('account_score_settings') }}) as found

),

own as (

    select
        contact_id,
        max(case when model = 'engagement' then probability end) as p_engage_7d,
        max(case when model = 'conversion' then probability end) as p_convert_90d,
        max(case when model = 'lead_score' then score end) as learned_lead_score
    from {{ ref('predictions') }}
    where contact_id is not null
    group by contact_id

),

churn as (

    select
        account_id,
        score
    from {{ ref('predictions') }}
    where model = 'churn' and subject_type = 'account'

)

select
    contacts.contact_id,
    own.p_engage_7d,
    own.p_convert_90d,
    own.learned_lead_score,
    churn.score * coalesce(buying_roles.role_weight, settings.default_role_weight) as churn_score
from contacts
left join own on contacts.contact_id = own.contact_id
left join churn on contacts.account_id = churn.account_id
left join buying_roles on contacts.role = buying_roles.role
cross join settings
left join objections on contacts.contact_id = objections.contact_id
where
    objections.contact_id is null
    and coalesce(own.contact_id, churn.account_id) is not null
