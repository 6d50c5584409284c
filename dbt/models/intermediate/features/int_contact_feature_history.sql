-- What was known of the contacts of the sample, at the starts of past months.
with people as (

    select * from {{ ref('int_feature_people') }}
    where is_sampled

),

past as (

    {{ contact_feature_rows(
        'people', ref('int_feature_moments'), ref('int_contact_signal_months'),
        ref('int_account_feature_history')
    ) }}

)

select * from past
