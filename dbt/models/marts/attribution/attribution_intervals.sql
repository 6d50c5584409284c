with scoped as (

    select * from {{ ref('int_attribution_draws') }}

),

-- Where no drawn unit touched a channel, its credit was 0.
names as (

    select distinct
        scope,
        model,
        level,
        name
    from scoped

),

draws as (

    select
        scope,
        replicate,
        model,
        level,
        sum(credit) as total
    from scoped
    group by scope, replicate, model, level
    having sum(credit) > 0

),

shares as (

    select
        names.scope,
        names.model,
        names.level,
        names.name,
        draws.replicate,
        coalesce(scoped.credit, 0) / draws.total as share,
        rank() over (
            partition by names.scope, names.model, names.level, draws.replicate
            order by coalesce(scoped.credit, 0) desc
        ) as place
    from names
    inner join draws
        on
            names.scope = draws.scope
            and names.model = draws.model
            and names.level = draws.level
    left join scoped
        on
            names.scope = scoped.scope
            and names.model = scoped.model
            and names.level = scoped.level
            and names.name = scoped.name
            and draws.replicate = scoped.replicate

),

placed as (

    select
        *,
        max(case when replicate = 0 then share end) over name as credited_share,
        max(case when replicate = 0 then place end) over name as credited_place,
        row_number() over (
            partition by scope, model, level, name, replicate = 0 order by share
        ) as share_place,
        sum(case when replicate > 0 then 1 else 0 end) over name as replicates
    from shares
    window name as (partition by scope, model, level, name)

)

select
    placed.scope,
    placed.model,
    placed.level,
    placed.name,
    placed.credited_share as share,
    {{ value_at_share(
        'placed.share', 'placed.share_place', 'placed.replicates', '(1 - settings.level) / 2'
    ) }} as share_low,
    {{ value_at_share(
        'placed.share', 'placed.share_place', 'placed.replicates', '(1 + settings.level) / 2'
    ) }} as share_high,
    settings.level as interval_level,
    placed.credited_place as place,
    avg(case when placed.place = placed.credited_place then 1e0 else 0e0 end) as rank_stability,
    cast(placed.replicates as integer) as replicates
from placed
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
where placed.replicate > 0 and placed.credited_share is not null
group by
    placed.scope, placed.model, placed.level, placed.name, placed.credited_share,
    placed.credited_place, placed.replicates, settings.level
