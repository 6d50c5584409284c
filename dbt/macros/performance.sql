{# What the source of a lead is credited with (int_sourced_outcomes): funnel entries, then deals. #}
{% macro sourced_entries() %}
    {{ return(['leads', 'mqls', 'sqls', 'demos', 'trials', 'new_customers']) }}
{% endmacro %}
{% macro sourced_counts() %}{{ return(sourced_entries() + ['deals_created', 'deals_won']) }}{% endmacro %}
