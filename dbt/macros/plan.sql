{# How far two readings of the plan may differ before the linter names them: 5 %. #}
{% macro plan_tolerance() %}0.05{% endmacro %}

{# Whether two readings of one figure differ by more than the tolerance. NULL stays unknown. #}
{% macro readings_differ(first_value, second_value, tolerance=none) -%}
    abs({{ first_value }} - {{ second_value }})
    > {{ tolerance or plan_tolerance() }} * greatest(abs({{ first_value }}), abs({{ second_value }}))
{%- endmacro %}
