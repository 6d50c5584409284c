-- The version in force of each submission. The page's address loses its query and e-mail
-- addresses in its path.
with submissions as (

    select
        *,
        {{ without_addresses(text_before(text_before('page_url', '?'), '#')) }} as page
    from {{ source('lake', 'form_submissions') }}
    qualify row_number() over (
        partition by source, submission_id
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    source,
    submission_id,
    form_id,
    form_name,
    vertical,
    email_key,
    phone_key,
    {{ host_of('page') }} as page_host,
    -- What follows the host.
    case
        when {{ host_of('page') }} is not null
            then
                nullif(
                    substr(page, length(split_part(page, '://', 1) || {{ host_of('page') }}) + 4),
                    ''
                )
        else nullif(page, '')
    end as page_path,
    utm_source,
    utm_medium,
    utm_campaign,
    occurred_at,
    known_at
from submissions
