-- A company that never objected does not agree either.
{{ flag_changes(
    source('lake', 'crm_companies'), 'marketing_objection', ['company_key'], 'is_objecting'
) }}
