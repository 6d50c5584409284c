select
    {{ json_text('value', 'primary_model') }} as primary_model,
    cast({{ json_text('value', 'collapse_seconds') }} as double) as collapse_seconds,
    cast({{ json_text('value', 'is_exclusive') }} as boolean) as is_exclusive,
    cast({{ json_text('value', 'reach_days') }} as integer) as reach_days,
    {% for column in [
        'position_first', 'position_middle', 'position_last', 'w_first', 'w_lead', 'w_opportunity',
        'w_rest', 'level', 'pooled_share', 'weight_identity', 'weight_coverage', 'weight_quality',
        'weight_stability', 'weight_agreement'
    ] -%}
    cast({{ json_text('value', column) }} as double) as {{ column }},
    {% endfor -%}
    cast({{ json_text('value', 'markov_order') }} as integer) as markov_order,
    cast({{ json_text('value', 'shapley_prior') }} as double) as shapley_prior,
    cast({{ json_text('value', 'shapley_exact_channels') }} as integer) as shapley_exact_channels,
    cast({{ json_text('value', 'shapley_permutations') }} as integer) as shapley_permutations,
    cast({{ json_text('value', 'shapley_seed') }} as bigint) as shapley_seed,
    cast({{ json_text('value', 'replicates') }} as integer) as replicates,
    cast({{ json_text('value', 'seed') }} as bigint) as seed
from ({{ parameter_rows('attribution_settings') }}) as parameter_values
