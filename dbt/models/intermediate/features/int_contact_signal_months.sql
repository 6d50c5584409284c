-- What there is to learn from: contacts of the sample and those of customers.
with moments as (

    select * from {{ ref('int_feature_moments') }}

),

people as (

    select * from {{ ref('int_feature_people') }}
    where is_sampled or is_of_customer

),

summed as (

    {{ signal_sums('moments', 'people') }}

)

select
    people.account_id,
    summed.*
from summed
inner join people on summed.contact_id = people.contact_id
