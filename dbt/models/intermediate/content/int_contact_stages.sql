{{ config(materialized='view') }}

-- One row per contact: where it stands on the buyer's way. The one place that says so to the
-- content marts; by the CRM's lifecycle stage, and the first stage where that says nothing.
with contacts as (

    select * from {{ ref('int_contact_traits') }}

),

lifecycle as (

    select * from {{ ref('stg_marketing__content_lifecycle') }}

),

stages as (

    select * from {{ ref('stg_marketing__content_stages') }}

)

select
    contacts.contact_id,
    coalesce(lifecycle.stage, first_stage.stage) as stage
from contacts
cross join (select min_by(stage, position) as stage from stages) as first_stage
left join lifecycle on lower(contacts.lifecycle_stage) = lifecycle.lifecycle_stage
