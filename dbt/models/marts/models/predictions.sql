with predictions as (

    select
        *,
        case when subject_type = 'contact' then subject_id end as scored_contact_id,
        case when subject_type = 'account' then subject_id end as scored_account_id
    from {{ ref('stg_models__predictions') }}
    where probability is not null

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

objections as (

    select * from {{ ref('int_profiling_objections') }}

),

switched_off as (

    select parameter_key as model
    from ({{ parameter_rows('models') }}) as found
    where not cast({{ json_text('value', 'enabled') }} as boolean)

)

select
    predictions.model,
    predictions.subject_type,
    predictions.subject_id,
    predictions.scored_contact_id as contact_id,
    coalesce(contacts.account_id, accounts.account_id) as account_id,
    coalesce(contacts.vertical, accounts.vertical) as vertical,
    predictions.version,
    predictions.probability,
    predictions.score,
    predictions.contributions,
    predictions.features_at,
    predictions.scored_at
from predictions
left join contacts on predictions.scored_contact_id = contacts.contact_id
left join accounts on predictions.scored_account_id = accounts.account_id
left join objections on predictions.scored_contact_id = objections.contact_id
left join switched_off on predictions.model = switched_off.model
where
    coalesce(contacts.contact_id, accounts.account_id) is not null
    and objections.contact_id is null
    and switched_off.model is null
