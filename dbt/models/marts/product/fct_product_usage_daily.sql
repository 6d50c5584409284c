select
    source,
    product_account_id,
    user_key,
    feature,
    used_on,
    uses,
    active_minutes,
    known_at
from {{ ref('stg_product__usage') }}
