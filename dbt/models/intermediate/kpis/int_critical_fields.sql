-- One row per stream, critical field and month of landing with values: how many there were, how
-- many were missing, and how many were refused on the way in. The fields are those that a figure or
-- a match stands on:
--   events            who it was (user_id or anonymous_id)
--   crm_contacts      email, as its key: an address that cannot be read counts as missing
--   crm_companies     name
--   crm_deals         pipeline, stage
--   ad_spend, costs   the amount
--   surveys           score of NPS answers
--   meetings          email, as its key
--   attendees         email of those on a list (calendar entries have none)
-- A row refused for another field is not counted. A refused row does not say more than its kind, so
-- a CRM row refused for its stage counts for deals, and any survey's score for NPS.
{% set fields = [
    ('events', 'user_id', 'events', 'userId', 'coalesce(user_id, anonymous_id)', 'true'),
    ('crm_contacts', 'email', 'crm', 'email', 'email_key', 'not coalesce(archived, false)'),
    ('crm_companies', 'name', 'crm', 'name', 'name', 'not coalesce(archived, false)'),
    ('crm_deals', 'pipeline', 'crm', 'pipeline', 'pipeline', 'not coalesce(archived, false)'),
    ('crm_deals', 'stage', 'crm', 'stage', 'stage', 'not coalesce(archived, false)'),
    ('ad_spend', 'spend', 'ad_spend', 'spend', 'spend', 'true'),
    ('costs', 'amount', 'costs', 'amount', 'amount', 'true'),
    ('surveys', 'score', 'surveys', 'score', 'score', "question_type = 'nps'"),
    ('meetings', 'email', 'meetings', 'email', 'email_key', 'true'),
    ('attendees', 'email', 'attendees', 'email', 'email_key', 'email is not null'),
] -%}

with counted as (

    {% for stream, field, kind, refused_field, value, condition in fields -%}
    select
        '{{ stream }}' as stream,
        '{{ field }}' as field,
        landed_at,
        count(*) as given,
        count(*) - count({{ value }}) as missing,
        0 as refused
    from {{ source('lake', stream) }}
    where {{ condition }}
    group by landed_at
    union all
    select
        '{{ stream }}' as stream,
        '{{ field }}' as field,
        landed_at,
        0 as given,
        0 as missing,
        count(*) as refused
    from {{ ref('stg_system__rejected_rows') }}
    where kind = '{{ kind }}' and field = '{{ refused_field }}'
    group by landed_at
    {% if not loop.last %}union all
    {% endif -%}
    {% endfor %}
),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

localised as (

    select
        counted.*,
        {{ month_of(local_time('counted.landed_at', 'run_context.time_zone')) }} as month
    from counted
    cross join run_context
    -- A run back to a past day leaves out what landed later: the day stays as it was.
    where {{ landed_by('counted.landed_at', 'run_context.as_of') }}

)

select
    stream,
    field,
    month,
    cast(sum(given + refused) as bigint) as checked_values,
    cast(sum(missing) as bigint) as missing_values,
    cast(sum(refused) as bigint) as refused_values
from localised
group by stream, field, month
