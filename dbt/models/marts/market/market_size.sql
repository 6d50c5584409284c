with segments as (

    select * from {{ ref('stg_marketing__market_segments') }}

),

-- A segment counted in the reference counts 0 there when nothing fits, and nothing is known of it
-- as long as no reference has been loaded.
sources as (

    select
        'reference' as source,
        count(*) > 0 as is_loaded
    from {{ ref('stg_reference__organisations') }}
    union all
    select
        'crm' as source,
        count(*) > 0 as is_loaded
    from {{ ref('dim_accounts') }}

),

members as (

    select
        segment,
        source,
        sum(organisations) as organisations,
        sum(case when is_primary then organisations else 0 end) as primary_organisations,
        sum(reached) as reached,
        sum(customers) as customers
    from {{ ref('int_market_cells') }}
    group by segment, source

),

vertical_customers as (

    select
        vertical,
        count(*) as customers
    from {{ ref('dim_accounts') }}
    where is_customer
    group by vertical

),

sized as (

    select
        segments.*,
        case when sources.is_loaded then coalesce(counted.organisations, 0) end as organisations,
        case
            when sources.is_loaded and segments.kind = 'segment'
                then coalesce(counted.primary_organisations, 0)
        end as primary_organisations,
        case when segments.counted_in is not null then coalesce(known.reached, 0) end
            as reached_accounts,
        -- An estimate without a rule is of the whole vertical.
        case
            when segments.counted_in is not null then coalesce(known.customers, 0)
            else coalesce(vertical_customers.customers, 0)
        end as customers
    from segments
    left join sources on segments.counted_in = sources.source
    left join members as counted
        on segments.segment = counted.segment and segments.counted_in = counted.source
    left join members as known
        on segments.segment = known.segment and known.source = 'crm'
    left join vertical_customers on segments.vertical = vertical_customers.vertical

)

select
    segment,
    segment_name,
    vertical,
    kind,
    priority,
    position,
    estimate,
    estimate_unit,
    counted_in,
    cast(organisations as bigint) as organisations,
    cast(organisations as bigint)
    - case when estimate_unit = 'organisations' then estimate end
        as organisations_over_estimate,
    cast(primary_organisations as bigint) as primary_organisations,
    cast(reached_accounts as bigint) as reached_accounts,
    cast(customers as bigint) as customers,
    {{ ratio('customers', 'organisations') }} as penetration,
    {{ ratio('customers', 'estimate') }} as penetration_of_estimate
from sized
