with segments as (

    select * from {{ ref('stg_marketing__market_segments') }}
    where kind = 'segment' and counted_in is not null

),

cells as (

    select cells.*
    from {{ ref('int_market_cells') }} as cells
    inner join segments
        on cells.segment = segments.segment and cells.source = segments.counted_in

),

sizes as (

    select
        segment,
        sum(organisations) as organisations
    from cells
    group by segment

),

shared as (

    select
        cells.segment,
        other_cells.segment as other_segment,
        sum(cells.organisations) as organisations,
        sum(cells.customers) as customers
    from cells
    inner join cells as other_cells on cells.cell = other_cells.cell
    group by cells.segment, other_cells.segment

)

select
    first_segments.vertical,
    first_segments.segment,
    second_segments.segment as other_segment,
    cast(coalesce(shared.organisations, 0) as bigint) as organisations,
    cast(coalesce(shared.customers, 0) as bigint) as customers,
    {{ ratio('coalesce(shared.organisations, 0)', 'sizes.organisations') }} as share_of_segment,
    {{ ratio('coalesce(shared.organisations, 0)', 'other_sizes.organisations') }}
        as share_of_other_segment
from segments as first_segments
inner join segments as second_segments
    on
        first_segments.vertical = second_segments.vertical
        and first_segments.priority < second_segments.priority
left join shared
    on
        first_segments.segment = shared.segment
        and second_segments.segment = shared.other_segment
left join sizes on first_segments.segment = sizes.segment
left join sizes as other_sizes on second_segments.segment = other_sizes.segment
