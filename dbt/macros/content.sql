{# Expressions of the content marts. Portable SQL, so no dispatch. #}

{# Whether a contact (int_contact_traits) fits a rule's case; what is not known does not fit. #}
{% macro fits_case(contact, case) -%}
    (
        {% for trait in ['vertical', 'role', 'account_type'] -%}
        coalesce({{ contact }}.{{ trait }} = {{ case }}.{{ trait }}, {{ case }}.{{ trait }} is null)
        and {% endfor -%}
        coalesce({{ contact }}.age_years >= {{ case }}.age_from, {{ case }}.age_from is null)
        and coalesce({{ contact }}.age_years < {{ case }}.age_below, {{ case }}.age_below is null)
    )
{%- endmacro %}
