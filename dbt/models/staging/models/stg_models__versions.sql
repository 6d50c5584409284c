select
    model,
    version,
    subject_type,
    horizon_days,
    parameters,
    features,
    windows,
    findings,
    code_version,
    as_of as trained_as_of,
    snapshot_id
from {{ source('lake', 'ml_model_versions') }}
