{# Half-open ranges, given by the columns of a rule. Portable SQL, so no dispatch. #}

{# Whether a value is in [low, high); a missing bound bounds nothing, a missing value is in none. #}
{% macro in_range(value, low, high) -%}
    (
        ({{ low }} is null and {{ high }} is null)
        or (
            coalesce({{ value }} >= {{ low }}, {{ low }} is null and {{ value }} is not null)
            and coalesce({{ value }} < {{ high }}, {{ high }} is null)
        )
    )
{%- endmacro %}

{# A number among the properties of a CRM object; NULL where it is none. `name` is an expression. #}
{% macro number_in(properties, name) -%}
    try_cast({{ json_text_by(properties, name) }} as double)
{%- endmacro %}
