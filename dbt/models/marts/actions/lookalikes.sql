with lookalikes as (

    select * from {{ ref('stg_models__lookalikes') }}

),

contacts as (

    select * from {{ ref('dim_contacts') }}

)

select
    lookalikes.segment,
    lookalikes.contact_id,
    contacts.account_id,
    contacts.vertical,
    lookalikes.similarity_rank,
    lookalikes.distance,
    lookalikes.nearest_member_id,
    lookalikes.seed_members
from lookalikes
inner join contacts on lookalikes.contact_id = contacts.contact_id
