select
    name_en,
    legal_bases,
    consent_purposes,
    is_profiling,
    subjects_en,
    recipients,
    transfers,
    longest_retention_months
from marts.processing_activities
order by position
