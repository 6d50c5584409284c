-- One row per contact and place. The places are filled one after the other: with the best item
-- still allowed or, for the exploration's share of the places, with one drawn from all still
-- allowed. Allowed is what no earlier place has and whose type is not full. The propensity is that
-- of the item in this place, given the places before it.
{% set places = [1, 2, 3] -%}
with candidates as (

    select * from {{ ref('int_recommendation_candidates') }}

),

settings as (

    select * from {{ ref('stg_marketing__recommendation_settings') }}

),

best as (

    select
        *,
        row_number() over (partition by contact_number order by score desc, item_number) as place
    from candidates

),

counts as (

    select * from {{ ref('int_recommendation_counts') }}

),

lots as (

    select * from {{ ref('int_recommendation_lots') }}

),

state_0 as (

    select distinct
        counts.contact_number,
        settings.most_of_one_type
    from counts
    cross join settings

),

{% for n in places -%}
{% set taken -%}
({% for m in range(1, n) %}case when options.type_number = state.type_{{ m }} then 1 else 0 end + {% endfor %}0)
{%- endset -%}
{% for kind, options in {'best': 'best', 'drawn': 'lots'}.items() -%}
{{ kind }}_{{ n }} as (

    select
        options.contact_number,
        min_by(options.item_number, options.place) as item_number,
        min_by(options.type_number, options.place) as type_number
    from {{ options }} as options
    inner join state_{{ n - 1 }} as state on options.contact_number = state.contact_number
    where
        {{ taken }} < state.most_of_one_type
        {% for m in range(1, n) -%}
        and options.item_number <> state.item_{{ m }}
        {% endfor -%}
        {% if kind == 'drawn' -%}
        and options.place_number = {{ n }}
        {% endif -%}
    group by options.contact_number

),

{% endfor -%}
allowed_{{ n }} as (

    select
        options.contact_number,
        sum(
            case when {{ taken }} < state.most_of_one_type then options.items - {{ taken }} else 0 end
        ) as items
    from counts as options
    inner join state_{{ n - 1 }} as state on options.contact_number = state.contact_number
    group by options.contact_number

),

pick_{{ n }} as (

    select
        best.contact_number,
        {{ n }} as recommendation_rank,
        coalesce(drawn.item_number, best.item_number) as item_number,
        coalesce(drawn.type_number, best.type_number) as type_number,
        drawn.item_number is not null as is_exploration,
        cast(allowed.items as bigint) as allowed_items,
        settings.exploration / allowed.items
        + case
            when coalesce(drawn.item_number, best.item_number) = best.item_number
                then 1e0 - settings.exploration
            else 0e0
        end as propensity
    from best_{{ n }} as best
    cross join settings
    inner join allowed_{{ n }} as allowed on best.contact_number = allowed.contact_number
    left join drawn_{{ n }} as drawn on best.contact_number = drawn.contact_number
    where settings.items_per_contact >= {{ n }}

),

state_{{ n }} as (

    select
        state.*,
        pick.item_number as item_{{ n }},
        pick.type_number as type_{{ n }}
    from state_{{ n - 1 }} as state
    inner join pick_{{ n }} as pick on state.contact_number = pick.contact_number

){{ ',' if not loop.last }}

{% endfor -%}
{% for n in places -%}
select * from pick_{{ n }}
{{ 'union all' if not loop.last }}
{% endfor %}
