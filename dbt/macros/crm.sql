{# The CRM's words for its objects. Portable SQL, so no dispatch. #}

{# An object type by one name: the plural, however the source named it (contact, contacts, 0-1). #}
{% macro crm_object_type(column) -%}
    case
        when {{ column }} in ('contact', '0-1') then 'contacts'
        when {{ column }} in ('company', '0-2') then 'companies'
        when {{ column }} in ('deal', '0-3') then 'deals'
        when {{ column }} in ('ticket', '0-5') then 'tickets'
        else {{ column }}
    end
{%- endmacro %}

{# One row per change of a property of CRM objects that is true or false, in `relation` with its
   `keys`. Only a version that states it says something: most leave the property out. The first
   statement is a change where it is true. #}
{% macro flag_changes(relation, property, keys, flag) -%}
    with stated as (

        select
            crm_id,
            {{ keys | join(', ') }},
            lower({{ json_text('properties', property) }}) = 'true' as {{ flag }},
            known_at,
            landing_file || ':' || cast(landing_line as varchar) as evidence_reference
        from {{ relation }}
        where {{ json_text('properties', property) }} <> ''
        -- Of versions with one time the stricter counts.
        qualify row_number() over (
            partition by crm_id, known_at
            order by
                lower({{ json_text('properties', property) }}) = 'true' desc,
                landing_file desc,
                landing_line desc
        ) = 1

    ),

    changes as (

        select
            *,
            lag({{ flag }}, 1, false) over (partition by crm_id order by known_at) as was
        from stated

    )

    select
        crm_id,
        {{ keys | join(', ') }},
        {{ flag }},
        known_at,
        evidence_reference
    from changes
    where {{ flag }} <> was
{%- endmacro %}
