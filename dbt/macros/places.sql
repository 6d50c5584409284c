{# Where in France something is. Portable SQL, so no dispatch. #}

{#
  Département of a French INSEE or postal code: the first two characters, three overseas. Postal
  codes still count Corsica as 20: 200 and 201 are the south (2A), the rest the north (2B). A postal
  code may belong to the neighbour, so it is the last resort. NULL for anything else.
#}
{% macro departement_of(code) -%}
    case
        when not {{ matches(code, "'^[0-9][0-9AB][0-9]{3}$'") }} then null
        when left({{ code }}, 2) in ('97', '98') then left({{ code }}, 3)
        when left({{ code }}, 3) in ('200', '201') then '2A'
        when left({{ code }}, 2) = '20' then '2B'
        else left({{ code }}, 2)
    end
{%- endmacro %}
