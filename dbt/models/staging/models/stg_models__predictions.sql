-- A score is in force until another one of its subject is stored; the last of them has no
-- probability where the subject is no longer scored.
select
    model,
    version,
    subject_type,
    subject_id,
    probability,
    score,
    contributions,
    features_at,
    as_of as scored_at
from {{ source('lake', 'predictions') }}
qualify row_number() over (partition by model, subject_type, subject_id order by sequence desc) = 1
