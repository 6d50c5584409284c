-- The sample is of the contacts themselves and not of each month's, so that one person's months
-- stay together, and halves them until they fit, so that new contacts change nothing in who is of
-- it until there are twice as many.
with contacts as (

    select * from {{ ref('int_contacts') }}

),

customers as (

    select distinct customer_id as account_id from {{ ref('int_contracts') }}

),

settings as (

    {{ feature_settings() }}

),

-- When a source first told of somebody by a name, an address, a user or a record: a device alone
-- names nobody.
told as (

    select
        contact_id,
        min(known_at) as known_at
    from {{ ref('fct_events') }}
    where contact_id is not null and (user_key is not null or anonymous_key is null)
    group by contact_id
    union all
    select
        contact_id,
        min(known_at) as known_at
    from {{ ref('int_feature_records') }}
    group by contact_id
    {% for relation, column in [
        ('stg_crm__contact_versions', 'contact_key'),
        ('stg_privacy__imported_contacts', 'external_key')
    ] -%}
    union all
    select
        members.contact_id,
        min(versions.known_at) as known_at
    from {{ ref(relation) }} as versions
    inner join {{ ref('int_identity_members') }} as members
        on versions.{{ column }} = members.identifier_key
    where members.contact_id is not null
    group by members.contact_id
    {% endfor %}
),

there as (

    select
        contact_id,
        min(known_at) as there_since_at
    from told
    group by contact_id

),

people as (

    select
        contacts.contact_id,
        contacts.account_id,
        contacts.vertical,
        contacts.crm_id,
        coalesce(there.there_since_at, contacts.created_at) as there_since_at,
        customers.account_id is not null as is_of_customer,
        {{ drawn_number("'features/' || contacts.contact_id") }} / 9223372036854775808e0 as drawn
    from contacts
    left join there on contacts.contact_id = there.contact_id
    left join customers on contacts.account_id = customers.account_id
    left join {{ ref('int_profiling_objections') }} as objections
        on contacts.contact_id = objections.contact_id
    where objections.contact_id is null

),

halvings as (

    select power(2e0, -{{ each_number(0, 40) }}) as share

),

sample as (

    select max(fitting.share) as share
    from (
        select
            halvings.share,
            count(*) as contacts
        from people
        inner join halvings on abs(people.drawn) < halvings.share
        group by halvings.share
    ) as fitting
    inner join settings on fitting.contacts <= settings.training_contacts

)

select
    people.contact_id,
    people.account_id,
    people.vertical,
    people.crm_id,
    people.there_since_at,
    people.is_of_customer,
    coalesce(abs(people.drawn) < sample.share, false) as is_sampled
from people
cross join sample
