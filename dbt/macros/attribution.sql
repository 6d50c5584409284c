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
