-- A contact that was never opted out is not opted in either.
{{ flag_changes(
    source('lake', 'crm_contacts'), 'hs_email_optout', ['contact_key', 'email_key'], 'is_opted_out'
) }}
