-- Addresses that CRM contacts hold or held, corrected ones, imported ones, and those that people
-- gave on a site: nobody vouches for these being theirs at work.
with addresses as (

    {% for model in ['stg_crm__contact_versions', 'stg_privacy__imported_contacts'] -%}
    select
        email_key,
        lower(trim(email)) as email,
        true as is_on_record
    from {{ ref(model) }}
    where email_key is not null and email is not null
    union
    {% endfor -%}
    select
        email_key,
        lower(trim(email)) as email,
        false as is_on_record
    from {{ ref('int_stated_emails') }}

),

public_mail as (

    select * from {{ ref('stg_marketing__public_mail_domains') }}

),

generic_addresses as (

    select * from {{ ref('stg_marketing__generic_addresses') }}

),

parts as (

    select
        email_key,
        is_on_record,
        split_part(email, '@', 2) as domain,
        {{ first_word("split_part(email, '@', 1)") }} as first_word
    from addresses

)

select
    parts.email_key,
    min(parts.domain) as domain,
    min({{ domain_key('parts.domain') }}) as domain_key,
    max(
        case
            when public_mail.domain is null and generic_addresses.first_word is null then 0 else 1
        end
    ) = 0
    and max(case when parts.is_on_record then 1 else 0 end) = 1 as is_professional
from parts
left join public_mail on parts.domain = public_mail.domain
left join generic_addresses on parts.first_word = generic_addresses.first_word
group by parts.email_key
