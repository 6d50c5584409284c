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

people as (

    select
        contacts.contact_id,
        contacts.account_id,
        contacts.vertical,
        contacts.crm_id,
        contacts.created_at,
        customers.account_id is not null as is_of_customer,
        {{ drawn_number("'features/' || contacts.contact_id") }} / 9223372036854775808e0 as drawn
    from contacts
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
    people.created_at,
    people.is_of_customer,
    coalesce(abs(people.drawn) < sample.share, false) as is_sampled
from people
cross join sample
