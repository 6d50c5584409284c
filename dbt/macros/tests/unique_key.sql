{# The model's key: no two rows share it and no part is NULL. One query instead of two tests a column. #}
{% test unique_key(model, columns, nullable=[]) %}
    select {{ columns | join(', ') }}, count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
    {%- for column in columns if column not in nullable %} or {{ column }} is null{% endfor %}
{% endtest %}
