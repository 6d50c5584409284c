-- The versions of contacts, companies and deals that came by the CRM's API, not by file.
{% for stream in ['crm_contacts', 'crm_companies', 'crm_deals'] -%}
select
    '{{ stream }}' as stream,
    crm_id,
    known_at,
    landed_at
from {{ source('lake', stream) }}
where landing_file like '%__hubspot.%'
{% if not loop.last %}union all
{% endif -%}
{% endfor %}
