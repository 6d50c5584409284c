select
    {{ json_text('value', 'segment') }} as segment,
    {{ json_text('value', 'type') }} as organisation_type,
    cast({{ json_text('value', 'population_from') }} as double) as population_from,
    cast({{ json_text('value', 'population_below') }} as double) as population_below,
    {{ json_text('value', 'regions') }} as regions,
    {{ json_text('value', 'property') }} as property,
    cast({{ json_text('value', 'property_from') }} as double) as property_from,
    cast({{ json_text('value', 'property_below') }} as double) as property_below,
    {{ json_text('value', 'contact_role') }} as contact_role,
    {{ json_text('value', 'contact_property') }} as contact_property,
    cast({{ json_text('value', 'contact_from') }} as double) as contact_from,
    cast({{ json_text('value', 'contact_below') }} as double) as contact_below,
    cast({{ json_text('value', 'is_remainder') }} as boolean) as is_remainder
from ({{ parameter_rows('market_rules') }}) as parameter_values
