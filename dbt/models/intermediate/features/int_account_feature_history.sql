-- What was known of those who paid, at the starts of past months.
with past as (

    {{ account_feature_rows(ref('int_feature_moments'), ref('int_contact_signal_months')) }}

)

select * from past
