-- Who objects to profiling has no score, stage, persona, hour or recommendation of their own.
with objections as (

    select * from {{ ref('int_profiling_objections') }}

),

profiled as (

    {% for name in [
        'lead_scores', 'lead_score_contributions', 'engagement_scores', 'buyer_stages',
        'content_recommendations', 'send_times', 'predictions', 'contact_feature_snapshots',
        'next_best_actions', 'lookalikes'
    ] -%}
    select
        '{{ name }}' as mart,
        contact_id
    from {{ ref(name) }}
    union all
    {% endfor -%}
    select
        'customer_values' as mart,
        customer_id as contact_id
    from {{ ref('customer_values') }}
    union all
    select
        'contact_features' as mart,
        contact_id
    from {{ ref('contact_features') }}
    where coalesce(churn_score, p_engage_7d, p_convert_90d, learned_lead_score) is not null
    union all
    select
        'contact_personas' as mart,
        contact_id
    from {{ ref('contact_personas') }}
    where persona is not null

)

select
    profiled.mart,
    profiled.contact_id
from profiled
inner join objections on profiled.contact_id = objections.contact_id
