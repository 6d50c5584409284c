-- The policy's version is the hash of the definition in force.
select
    {{ json_text('value', 'purpose') }} as purpose,
    {{ json_text('value', 'channel') }} as channel,
    cast({{ json_text('value', 'marketing') }} as boolean) as is_marketing,
    cast({{ json_text('value', 'ends_on_objection') }} as boolean) as ends_on_objection,
    cast({{ json_text('value', 'double_opt_in') }} as boolean) as needs_double_opt_in,
    coalesce(cast({{ json_text('value', 'profiling') }} as boolean), false) as is_profiling,
    cast({{ json_text('value', 'expires_after_months') }} as integer) as expires_after_months,
    definition_hash as policy_version
from {{ source('lake', 'parameters') }}
where collection = 'consent_purposes'
