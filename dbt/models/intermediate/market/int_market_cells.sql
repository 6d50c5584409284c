-- One row per source, set of segments that organisations share (a cell) and segment of that set. A
-- remainder holds the organisations in no other segment. There are few cells, so counts and
-- overlaps need not go over organisations again.
with segments as (

    select * from {{ ref('stg_marketing__market_segments') }}

),

remainders as (

    select distinct segment
    from {{ ref('stg_marketing__market_rules') }}
    where is_remainder

),

cells as (

    select
        source || ':' || segments as cell,
        source,
        ',' || segments || ',' as segments,
        count(*) as organisations,
        sum(case when is_customer then 1 else 0 end) as customers,
        sum(case when is_reached then 1 else 0 end) as reached
    from {{ ref('int_market_sets') }}
    group by source, segments

),

unpacked as (

    select
        cells.cell,
        cells.source,
        segments.segment,
        segments.vertical,
        segments.kind,
        segments.priority,
        remainders.segment is not null as is_remainder,
        cells.organisations,
        cells.customers,
        cells.reached
    from cells
    inner join segments on cells.segments like '%,' || segments.segment || ',%'
    left join remainders on segments.segment = remainders.segment

),

placed as (

    select
        *,
        max(case when kind = 'segment' and not is_remainder then 1 else 0 end) over (
            partition by cell, vertical
        ) = 1 as is_in_segment
    from unpacked

)

select
    cell,
    source,
    segment,
    vertical,
    kind,
    priority,
    kind = 'segment' and row_number() over (
        partition by cell, vertical, kind order by priority nulls last
    ) = 1 as is_primary,
    organisations,
    customers,
    reached
from placed
where not (is_remainder and is_in_segment)
