{#- What people had corrected in a source's records and still holds, one row per record:
    rectified_at, and for each field its value and whether it has one. -#}
{% macro rectified(record_type, fields) -%}
    select
        record_key,
        {% for field in fields -%}
        max(case when field = '{{ field }}' then value end) as {{ field }},
        max(case when field = '{{ field }}' then 1 else 0 end) = 1 as has_{{ field }},
        {% if field in ('email', 'phone') -%}
        max(case when field = '{{ field }}' then value_key end) as {{ field }}_key,
        {% endif -%}
        {% endfor -%}
        max(known_at) as rectified_at
    from {{ ref('stg_privacy__rectifications') }}
    where record_type = '{{ record_type }}' and status = 'holds'
    group by record_key
{%- endmacro %}

{#- A column of a source's version, or what it was corrected to. -#}
{% macro corrected(field, column=none) -%}
    case when rectified.has_{{ field }} then rectified.{{ column or field }}
        else versions.{{ column or field }} end
{%- endmacro %}
