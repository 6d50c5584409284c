with evaluations as (

    select * from {{ ref('stg_segments__evaluations') }}

),

segments as (

    select * from {{ ref('marketing_segments') }}
    where is_current

),

-- Each size beside those of the evaluations before it.
followed as (

    select
        *,
        lag(members) over (partition by segment order by evaluation_sequence) as previous_members,
        lag(definition_hash) over (partition by segment order by evaluation_sequence)
            as previous_definition,
        count(*) over (
            partition by segment order by evaluation_sequence
            rows between 8 preceding and 1 preceding
        ) as earlier_evaluations,
        median(members) over (
            partition by segment order by evaluation_sequence
            rows between 8 preceding and 1 preceding
        ) as usual_members
    from evaluations

)

select
    followed.segment,
    segments.vertical,
    followed.evaluation_sequence as evaluation_number,
    followed.evaluated_at,
    followed.status,
    followed.members,
    followed.previous_members,
    followed.entered,
    followed.departed,
    followed.earlier_evaluations,
    followed.usual_members,
    {{ ratio('followed.members - followed.usual_members', 'followed.usual_members') }} as drift,
    followed.definition_hash != followed.previous_definition as is_definition_changed,
    segments.expected_size,
    {{ ratio('followed.members', 'segments.expected_size') }} as share_of_expected
from followed
inner join segments on followed.segment = segments.segment
