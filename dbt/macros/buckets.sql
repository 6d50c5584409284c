{#
  A relation's buckets (from_ms, below_ms, requests) in their order within `keys`, with how many
  requests lie in a bucket and those before it, and in all of them.
#}
{% macro cumulated_buckets(relation, keys) -%}
    select
        {{ keys | join(', ') }},
        from_ms,
        below_ms,
        requests,
        sum(requests) over (
            partition by {{ keys | join(', ') }} order by from_ms
            rows between unbounded preceding and current row
        ) as requests_until,
        sum(requests) over (partition by {{ keys | join(', ') }}) as all_requests
    from {{ relation }}
{%- endmacro %}

{#
  Of cumulated buckets, the percentile by rank (the smallest value with at least so many percent of
  the values at its place or before) where it lies in this bucket, else NULL. Within the bucket the
  values are taken to be spread evenly, the first and the last half a step from its bounds: so it
  is never in another bucket than the value itself, and off by less than the bucket's width. The
  last bucket has no upper bound: there it is the lower one.
#}
{% macro quantile_in_bucket(percent) -%}
    case
        when
            requests_until * 100 >= all_requests * {{ percent }}
            and (requests_until - requests) * 100 < all_requests * {{ percent }}
            then
                from_ms + coalesce(below_ms - from_ms, 0e0) * (
                    ceil(all_requests * {{ percent }} / 100e0) - (requests_until - requests) - 0.5e0
                ) / requests
    end
{%- endmacro %}
