-- The latest restatement of each account, user, feature and day. The account is the product's
-- own id, not the one of dim_accounts.
with usage as (

    select *
    from {{ source('lake', 'product_usage') }}
    qualify row_number() over (
        partition by source, account_id, user_id, feature, used_on
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    source,
    account_id as product_account_id,
    user_key,
    feature,
    used_on,
    uses,
    active_minutes,
    known_at
from usage
