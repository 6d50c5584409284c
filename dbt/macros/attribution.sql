{# Bootstrap weights of units. Portable SQL, so no dispatch. #}

{#
  How often a unit is drawn into a replicate: Poisson(1) by the inverse of its distribution. One MD5
  a unit gives three numbers, its remainders by three primes, and a polynomial of them gives each
  replicate's share: those of any three replicates are independent, and so are those of all units.
#}
{% macro bootstrap_weight(drawn, replicate) -%}
    {%- set primes = [2097143, 2097133, 2097131] -%}
    {%- set parts = [] -%}
    {%- for prime in primes -%}
    {%- do parts.append('((' ~ drawn ~ ' % ' ~ prime ~ ' + ' ~ prime ~ ') % ' ~ prime ~ ')') -%}
    {%- endfor -%}
    {{ poisson_of(
        '(((' ~ parts[0] ~ ' + ' ~ parts[1] ~ ' * ' ~ replicate ~ ' + ' ~ parts[2] ~ ' * ' ~ replicate
        ~ ' * ' ~ replicate ~ ') % ' ~ primes[0] ~ ') + 0.5e0) / ' ~ primes[0]
    ) }}
{%- endmacro %}

{# The Poisson(1) number at a share of the distribution, 0 to 1. #}
{% macro poisson_of(share) -%}
    case
        {% for top in ['0.36787944', '0.73575888', '0.91969860', '0.98101184', '0.99634015', '0.99940582'] -%}
        when {{ share }} < {{ top }}e0 then {{ loop.index0 }}
        {% endfor -%}
        else 6
    end
{%- endmacro %}

{# The models whose credit replicates recompute, in the order of attribution.yml. #}
{% macro attribution_models() %}
    {{ return([
        'first', 'last', 'last_non_direct', 'linear', 'time_decay', 'position', 'w_shaped',
        'markov', 'shapley',
    ]) }}
{% endmacro %}

{#
  An aggregate: the value that a share (0 to 1) of all draws lies below, estimated from sorted draws
  (Weibull's place, share x (count + 1), interpolated): what lies between two such values holds its
  nominal share of further draws, however few there are. `place` counts the values from 1. The share
  may be a column, which engines' own quantiles do not take.
#}
{% macro value_at_share(value, place, values_count, share) -%}
    {%- set at = 'least(greatest((' ~ share ~ ') * (' ~ values_count ~ ' + 1), 1e0), ' ~ values_count ~ ')' -%}
    sum(
        {{ value }} * case
            when {{ place }} = floor({{ at }}) then 1 - ({{ at }} - floor({{ at }}))
            when {{ place }} = floor({{ at }}) + 1 then {{ at }} - floor({{ at }})
            else 0e0
        end
    )
{%- endmacro %}

{# Rows to cross join with, so that everything counts once for its vertical and once for all. #}
{% macro vertical_and_company() -%}
    select false as is_company
    union all
    select true as is_company
{%- endmacro %}

{# Each model's credit as a column: `expression` with MODEL in place of its name. #}
{% macro credit_columns(expression, markov=none) -%}
    {%- for model in attribution_models() -%}
    {%- set given = markov if model == 'markov' and markov else expression -%}
    {{ given | replace('MODEL', model) }} as credit_{{ model }}
    {%- if not loop.last %}, {% endif -%}
    {%- endfor -%}
{%- endmacro %}
