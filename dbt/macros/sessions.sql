{# Names that several models of visits share. #}

{# The source_key of what came from nowhere that is known. #}
{% macro no_source() %}none{% endmacro %}

{# The class of an event by the confidence that a machine did it. `settings` is a relation's name. #}
{% macro actor_class(confidence, settings) -%}
    case
        when {{ confidence }} >= {{ settings }}.machine_from then 'machine'
        when {{ confidence }} >= {{ settings }}.unsure_from then 'unsure'
        else 'human'
    end
{%- endmacro %}

{# An IPv4 address as a number; NULL for anything else. #}
{% macro ipv4_number(ip) -%}
    case
        when {{ matches(ip, "'^[0-9]{1,3}([.][0-9]{1,3}){3}$'") }}
            then
                try_cast(split_part({{ ip }}, '.', 1) as bigint) * 16777216
                + try_cast(split_part({{ ip }}, '.', 2) as bigint) * 65536
                + try_cast(split_part({{ ip }}, '.', 3) as bigint) * 256
                + try_cast(split_part({{ ip }}, '.', 4) as bigint)
    end
{%- endmacro %}

{# Whether a host is one of a row of stg_marketing__channel_sites, or below it. #}
{% macro is_at_site(host, sites) -%}
    (
        {{ host }} = {{ sites }}.domain
        or right({{ host }}, length({{ sites }}.domain) + 1) = '.' || {{ sites }}.domain
        or {{ matches(host, sites ~ '.host_pattern') }}
    )
{%- endmacro %}

{# The source_key of a form whose tags are utm_source, utm_medium and utm_campaign. #}
{% macro form_source_key() -%}
    {{ key_of([
        "nullif(lower(trim(utm_source)), '')", "nullif(lower(trim(utm_medium)), '')",
        "nullif(trim(utm_campaign), '')", 'cast(null as varchar)', 'cast(null as varchar)'
    ]) }}
{%- endmacro %}

{# A share of `scale` told by a property's text, held in 0 to 1; `otherwise` where it is no number.
   Not by greatest and least alone: what they make of NULL and NaN differs between engines. #}
{% macro told_depth(text, scale, otherwise) -%}
    case
        when try_cast({{ text }} as double) <= 0 then 0e0
        when try_cast({{ text }} as double) < {{ scale }}
            then try_cast({{ text }} as double) / {{ scale }}
        when try_cast({{ text }} as double) < 1e300 then 1e0
        else {{ otherwise }}
    end
{%- endmacro %}
