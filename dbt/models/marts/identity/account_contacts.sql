select
    contact_accounts.account_id,
    contact_accounts.contact_id,
    contact_accounts.evidence,
    contact_accounts.is_primary
from {{ ref('int_contact_accounts') }} as contact_accounts
