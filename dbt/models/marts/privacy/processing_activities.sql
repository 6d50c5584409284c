with purposes as (

    select * from {{ ref('stg_marketing__privacy_purposes') }}

),

categories as (

    select * from {{ ref('stg_marketing__privacy_categories') }}

),

recipients as (

    select * from {{ ref('stg_marketing__privacy_recipients') }}

),

served as (

    select
        pairs.purpose,
        categories.category,
        categories.name_fr,
        categories.name_en,
        categories.retention_months,
        categories.position
    from {{ ref('stg_marketing__privacy_category_purposes') }} as pairs
    inner join categories on pairs.category = categories.category

),

data_used as (

    select
        purpose,
        string_agg(name_fr, ', ' order by position) as categories_fr,
        string_agg(name_en, ', ' order by position) as categories_en,
        max(retention_months) as longest_retention_months
    from served
    group by purpose

),

people as (

    select
        purpose,
        string_agg(name_fr, ', ' order by subject) as subjects_fr,
        string_agg(name_en, ', ' order by subject) as subjects_en
    from (
        select distinct
            served.purpose,
            subjects.subject,
            subjects.name_fr,
            subjects.name_en
        from served
        inner join {{ ref('stg_marketing__privacy_category_subjects') }} as subjects
            on served.category = subjects.category
    ) as named
    group by purpose

),

given_to as (

    select
        purpose,
        string_agg(name, ', ' order by position) as recipients,
        string_agg(name || ' (' || country || ')', ', ' order by position)
        filter (where safeguard_en is not null) as transfers
    from (
        select distinct
            served.purpose,
            recipients.name,
            recipients.country,
            recipients.safeguard_en,
            recipients.position
        from served
        inner join {{ ref('stg_marketing__privacy_category_recipients') }} as pairs
            on served.category = pairs.category
        inner join recipients on pairs.recipient = recipients.recipient
    ) as named
    group by purpose

)

select
    purposes.purpose,
    purposes.name_fr,
    purposes.name_en,
    purposes.description_fr,
    purposes.description_en,
    purposes.legal_bases,
    purposes.interest_fr,
    purposes.interest_en,
    purposes.consent_purposes,
    purposes.is_profiling,
    people.subjects_fr,
    people.subjects_en,
    data_used.categories_fr,
    data_used.categories_en,
    given_to.recipients,
    given_to.transfers,
    data_used.longest_retention_months,
    purposes.position
from purposes
left join data_used on purposes.purpose = data_used.purpose
left join people on purposes.purpose = people.purpose
left join given_to on purposes.purpose = given_to.purpose
