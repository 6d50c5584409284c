with evaluations as (

    select * from {{ ref('stg_segments__evaluations') }}
    where sampled is not null

),

segments as (

    select * from {{ ref('marketing_segments') }}
    where is_current

)

select
    evaluations.segment,
    segments.vertical,
    evaluations.evaluation_sequence as evaluation_number,
    evaluations.evaluated_at,
    evaluations.status,
    evaluations.sampled,
    evaluations.sample_found as sample_members,
    evaluations.sample_true,
    evaluations.sample_both as sample_correct,
    {{ ratio('evaluations.sample_both', 'evaluations.sample_found') }} as segment_precision,
    {{ ratio('evaluations.sample_both', 'evaluations.sample_true') }} as segment_recall
from evaluations
inner join segments on evaluations.segment = segments.segment
