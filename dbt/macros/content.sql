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

{#
  The score of an item for a contact, to 9 decimals, or ties would depend on the order of addition.
  topic_fit and type_share are NULL where the contact's history has neither. Needs `settings`.
#}
{% macro recommendation_score(class_score, topic_fit, type_share) -%}
    round(
        {{ class_score }}
        + settings.topic_weight * coalesce({{ topic_fit }}, 0e0)
        + settings.novelty_weight * (1e0 - coalesce({{ type_share }}, 0e0)), 9
    )
{%- endmacro %}
