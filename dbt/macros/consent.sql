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
