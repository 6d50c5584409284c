{# Expressions about text and JSON that differ between engines. #}

{# A field of a JSON object as text. `field` is a literal name. NULL where absent or null. #}
{% macro json_text(column, field) %}{{ return(adapter.dispatch('json_text')(column, field)) }}{% endmacro %}
{% macro default__json_text(column, field) %}json_extract_string({{ column }}, '$."{{ field }}"'){% endmacro %}
{% macro spark__json_text(column, field) %}get_json_object({{ column }}, '$.{{ field }}'){% endmacro %}

{# The same where the field's name is an SQL expression. #}
{% macro json_text_by(column, field) %}{{ return(adapter.dispatch('json_text_by')(column, field)) }}{% endmacro %}
{% macro default__json_text_by(column, field) %}json_extract_string({{ column }}, '$."' || {{ field }} || '"'){% endmacro %}
{% macro spark__json_text_by(column, field) %}get_json_object({{ column }}, concat('$.', {{ field }})){% endmacro %}

{# The same at a path of names and list positions (a.b[0]), which is an SQL expression. #}
{% macro json_text_at(column, path) %}{{ return(adapter.dispatch('json_text_at')(column, path)) }}{% endmacro %}
{% macro default__json_text_at(column, path) %}json_extract_string({{ column }}, '$.' || {{ path }}){% endmacro %}
{% macro spark__json_text_at(column, path) %}get_json_object({{ column }}, concat('$.', {{ path }})){% endmacro %}

{# A row for each part of a separated text; no row where the text is NULL. #}
{% macro each_part(text, separator) %}{{ return(adapter.dispatch('each_part')(text, separator)) }}{% endmacro %}
{% macro default__each_part(text, separator) %}unnest(string_split({{ text }}, '{{ separator }}')){% endmacro %}
{% macro spark__each_part(text, separator) %}explode(split({{ text }}, '{{ separator }}')){% endmacro %}

{# Text before the first separator; the whole text where there is none. #}
{% macro text_before(text, separator) %}split_part({{ text }}, '{{ separator }}', 1){% endmacro %}

{# Text between a marker and the next separator, or NULL. #}
{% macro host_of(url) %}nullif(lower(split_part(split_part({{ url }}, '://', 2), '/', 1)), ''){% endmacro %}

{# Text as it is compared: lower case, without accents and outer blanks. #}
{% macro plain_text(text) %}{{ return(adapter.dispatch('plain_text')(text)) }}{% endmacro %}
{% macro default__plain_text(text) %}strip_accents(lower(trim({{ text }}))){% endmacro %}
{% macro spark__plain_text(text) -%}
    translate(lower(trim({{ text }})), 'àâäáãåçéèêëíìîïñóòôöõúùûüýÿ', 'aaaaaaceeeeiiiinooooouuuuyy')
{%- endmacro %}
