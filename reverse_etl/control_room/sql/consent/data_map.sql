select
    coalesce(category_en, category) as category,
    name,
    store,
    personal_columns,
    purposes,
    retention_months,
    retention_from,
    retention_then,
    after_erasure
from marts.personal_data_map
order by category, store, name
