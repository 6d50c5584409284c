{# How consent is folded (docs/adr/008-consent-evidence.md). Portable SQL, so no dispatch. #}

{# From the least to the most restrictive. `lifted` grants nothing and holds nothing back. #}
{% macro consent_severity(state) -%}
    case {{ state }}
        when 'lifted' then 0
        when 'granted' then 1
        when 'pending' then 2
        when 'unproven' then 3
        when 'expired' then 4
        when 'suppressed' then 5
        when 'withdrawn' then 6
        when 'objection' then 7
    end
{%- endmacro %}

{# Evidence has an id made of what it says, so that it survives a rebuild and a replay. #}
{% macro evidence_id(source, parts) -%}
    md5('{{ source }}' {%- for part in parts %} || '|' || coalesce(cast({{ part }} as varchar), ''){% endfor %})
{%- endmacro %}

{# The key of a domain: `workspace.identifiers.domain_key` makes the same. #}
{% macro domain_key(domain) %}md5('domain:' || {{ domain }}){% endmacro %}

{# A company's domain as addresses have it: without scheme, path and www. #}
{% macro plain_domain(domain) -%}
    {%- set host -%}
    split_part(replace(replace(lower(trim({{ domain }})), 'https://', ''), 'http://', ''), '/', 1)
    {%- endset -%}
    case when {{ host }} like 'www.%' then substr({{ host }}, 5) else {{ host }} end
{%- endmacro %}

{# The first word of an address' local part, without digits. #}
{% macro first_word(text) -%}
    split_part(split_part(split_part(split_part(
        translate({{ text }}, '0123456789', ''), '+', 1
    ), '.', 1), '-', 1), '_', 1)
{%- endmacro %}
