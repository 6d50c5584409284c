select
    {{ json_text('value', 'purpose') }} as purpose,
    {{ json_text('value', 'legal_basis') }} as legal_basis,
    cast({{ json_text('value', 'needs_notice') }} as boolean) as needs_notice,
    cast({{ json_text('value', 'needs_sale') }} as boolean) as needs_sale,
    cast({{ json_text('value', 'needs_professional') }} as boolean) as needs_professional
from ({{ parameter_rows('consent_bases') }}) as parameter_values
