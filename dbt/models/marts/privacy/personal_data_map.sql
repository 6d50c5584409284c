with held as (

    select * from {{ ref('stg_marketing__personal_data') }}

),

categories as (

    select * from {{ ref('stg_marketing__privacy_categories') }}

),

purposes as (

    select
        pairs.category,
        string_agg(pairs.purpose, ', ' order by pairs.position) as purposes
    from {{ ref('stg_marketing__privacy_category_purposes') }} as pairs
    group by pairs.category

),

recipients as (

    select
        pairs.category,
        string_agg(recipients.name, ', ' order by pairs.position) as recipients
    from {{ ref('stg_marketing__privacy_category_recipients') }} as pairs
    inner join {{ ref('stg_marketing__privacy_recipients') }} as recipients
        on pairs.recipient = recipients.recipient
    group by pairs.category

)

select
    held.store,
    held.name,
    held.category,
    categories.name_fr as category_fr,
    categories.name_en as category_en,
    held.personal_columns,
    held.identifying_columns,
    held.mentioning_columns,
    categories.source_fr,
    categories.source_en,
    purposes.purposes,
    recipients.recipients,
    categories.retention_months,
    categories.retention_from,
    categories.retention_then,
    held.after_erasure
from held
left join categories on held.category = categories.category
left join purposes on held.category = purposes.category
left join recipients on held.category = recipients.category
