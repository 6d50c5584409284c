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

{# Text as it is compared: lower case, without accents and outer blanks. #}
{% macro plain_text(text) %}{{ return(adapter.dispatch('plain_text')(text)) }}{% endmacro %}
{% macro default__plain_text(text) %}strip_accents(lower(trim({{ text }}))){% endmacro %}
{% macro spark__plain_text(text) -%}
    translate(lower(trim({{ text }})), 'àâäáãåçéèêëíìîïñóòôöõúùûüýÿ', 'aaaaaaceeeeiiiinooooouuuuyy')
{%- endmacro %}

{# An event's name as definitions may write it: `Démo Booked!` is demo_booked. #}
{% macro plain_name(text) %}{{ return(adapter.dispatch('plain_name')(text)) }}{% endmacro %}
{% macro default__plain_name(text) -%}
    trim(regexp_replace({{ plain_text(text) }}, '[^\p{L}\p{N}]+', '_', 'g'), '_')
{%- endmacro %}
{% macro spark__plain_name(text) -%}
    trim(both '_' from regexp_replace({{ plain_text(text) }}, '[^\\p{L}\\p{N}]+', '_'))
{%- endmacro %}

{# The host of an absolute URL without user and port, or NULL. #}
{% macro host_of(url) -%}
    nullif(
        regexp_replace(
            regexp_replace(
                lower(
                    {{ text_before(text_before(text_before("split_part(" ~ url ~ ", '://', 2)", '/'), '?'), '#') }}
                ), '^.*@', ''
            ), ':[0-9]*$', ''
        ), ''
    )
{%- endmacro %}

{# The query of a URL, without its question mark and fragment, or NULL. #}
{% macro query_of(url) -%}
    nullif(substr({{ text_before(url, '#') }}, length({{ text_before(text_before(url, '#'), '?') }}) + 2), '')
{%- endmacro %}

{# The decoded value of a query's parameter. `name` is a literal. NULL where absent or empty. #}
{% macro query_value(query, name) -%}
    {{ url_text("nullif(regexp_extract('&' || " ~ query ~ ", '&" ~ name ~ "=([^&]*)', 1), '')") }}
{%- endmacro %}

{# Percent-encoded text as text; NULL where it decodes to no text. #}
{% macro url_text(text) %}{{ return(adapter.dispatch('url_text')(text)) }}{% endmacro %}
{% macro default__url_text(text) %}try(url_decode(replace({{ text }}, '+', ' '))){% endmacro %}
{% macro spark__url_text(text) %}try_url_decode({{ text }}){% endmacro %}

{# A text with `…` for each word that holds an address, plain or percent-encoded: forms and mails
   put them into paths and tags. #}
{% macro without_addresses(text) -%}
    case
        when contains({{ text }}, '@') or contains({{ text }}, '%40')
            then {{ adapter.dispatch('replaced_addresses')(text) }}
        else {{ text }}
    end
{%- endmacro %}
{% macro default__replaced_addresses(text) -%}
    regexp_replace({{ text }}, '[^/?&=#;,:<>\s]+(@|%40)[^/?&=#;,:<>\s]*[.][^/?&=#;,:<>\s]+', '…', 'g')
{%- endmacro %}
{% macro spark__replaced_addresses(text) -%}
    regexp_replace({{ text }}, '[^/?&=#;,:<>\\s]+(@|%40)[^/?&=#;,:<>\\s]*[.][^/?&=#;,:<>\\s]+', '…')
{%- endmacro %}

{# Whether some part of a text matches a regular expression, itself an SQL expression. #}
{% macro matches(text, pattern) %}{{ return(adapter.dispatch('matches')(text, pattern)) }}{% endmacro %}
{% macro default__matches(text, pattern) %}regexp_matches({{ text }}, {{ pattern }}){% endmacro %}
{% macro spark__matches(text, pattern) %}({{ text }} rlike {{ pattern }}){% endmacro %}

{# A hash of a text as a 64-bit number: windows and joins over numbers cost half of those over
   texts. Engines and their versions give different numbers, so none may reach a mart. #}
{% macro number_of(text) %}{{ return(adapter.dispatch('number_of')(text)) }}{% endmacro %}
{% macro default__number_of(text) %}hash({{ text }}){% endmacro %}
{% macro spark__number_of(text) %}xxhash64({{ text }}){% endmacro %}

{# A signed 64-bit number that every engine and version gives for a text: its MD5's second half. #}
{% macro drawn_number(text) %}{{ return(adapter.dispatch('drawn_number')(text)) }}{% endmacro %}
{% macro default__drawn_number(text) -%}
    cast(cast(md5_number_lower({{ text }}) as hugeint) - 9223372036854775808 as bigint)
{%- endmacro %}
{% macro spark__drawn_number(text) -%}
    cast(
        cast(
            conv(
                {% for byte in range(31, 16, -2) -%}
                substr(md5({{ text }}), {{ byte }}, 2){{ ' || ' if not loop.last }}
                {%- endfor %}, 16, 10
            ) as decimal(20, 0)
        ) - 9223372036854775808 as bigint
    )
{%- endmacro %}

{# One key of several nullable texts; values cannot run into each other. #}
{% macro key_of(columns) -%}
    md5({% for column in columns %}coalesce(md5({{ column }}), '-'){% if not loop.last %} || {% endif %}{% endfor %})
{%- endmacro %}
