select
    models.model,
    models.position,
    models.kind,
    models.is_primary,
    models.is_compared,
    models.parameters
from {{ ref('stg_marketing__attribution_models') }} as models
