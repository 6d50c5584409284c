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
