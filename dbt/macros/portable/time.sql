{# Expressions about time that differ between engines. All timestamps are naive UTC. #}

{# A naive UTC timestamp as the local wall time of an IANA zone. #}
{% macro local_time(utc_time, zone) %}{{ return(adapter.dispatch('local_time')(utc_time, zone)) }}{% endmacro %}
{% macro default__local_time(utc_time, zone) %}timezone({{ zone }}, timezone('UTC', {{ utc_time }})){% endmacro %}
{% macro spark__local_time(utc_time, zone) %}from_utc_timestamp({{ utc_time }}, {{ zone }}){% endmacro %}

{# ISO 8601 text or epoch milliseconds (five digits or more) as a naive UTC timestamp. Anything
   else is NULL, and so is what lies outside the years 1900 to 2199: CRM properties are free text. #}
{% macro time_from_text(text) %}{{ return(adapter.dispatch('time_from_text')(text)) }}{% endmacro %}
{% macro default__time_from_text(text) -%}
    case
        when abs(try_cast({{ text }} as bigint)) between 10000 and 7258118399999
            then make_timestamp(try_cast({{ text }} as bigint) * 1000)
        when
            try_cast({{ text }} as bigint) is null
            and try_cast({{ text }} as timestamptz)
            between timestamptz '1900-01-01 00:00:00+00' and timestamptz '2199-12-31 23:59:59+00'
            then timezone('UTC', try_cast({{ text }} as timestamptz))
    end
{%- endmacro %}
{% macro spark__time_from_text(text) -%}
    case
        when abs(try_cast({{ text }} as bigint)) between 10000 and 7258118399999
            then timestamp_millis(try_cast({{ text }} as bigint))
        when
            try_cast({{ text }} as bigint) is null
            and try_cast({{ text }} as timestamp)
            between timestamp '1900-01-01 00:00:00' and timestamp '2199-12-31 23:59:59'
            then try_cast({{ text }} as timestamp)
    end
{%- endmacro %}

{# First day of a date's month, as a date. #}
{% macro month_of(day) %}cast(date_trunc('month', {{ day }}) as date){% endmacro %}

{# A date moved by whole months, as a date. #}
{% macro add_months(day, months) %}{{ return(adapter.dispatch('add_months')(day, months)) }}{% endmacro %}
{% macro default__add_months(day, months) %}cast({{ day }} + to_months(cast({{ months }} as integer)) as date){% endmacro %}
{% macro spark__add_months(day, months) %}add_months({{ day }}, {{ months }}){% endmacro %}

{# A timestamp moved by whole months; the last day of a month that is shorter. #}
{% macro add_months_to_time(time, months) %}{{ return(adapter.dispatch('add_months_to_time')(time, months)) }}{% endmacro %}
{% macro default__add_months_to_time(time, months) %}({{ time }} + to_months(cast({{ months }} as integer))){% endmacro %}
{% macro spark__add_months_to_time(time, months) %}({{ time }} + make_ym_interval(0, {{ months }})){% endmacro %}

{# Whole months from one first-of-month to another. #}
{% macro months_between(first_month, last_month) -%}
    (
        (extract(year from {{ last_month }}) - extract(year from {{ first_month }})) * 12
        + extract(month from {{ last_month }}) - extract(month from {{ first_month }})
    )
{%- endmacro %}

{# Days from one date to another, as an integer. #}
{% macro days_between(first_day, last_day) %}{{ return(adapter.dispatch('days_between')(first_day, last_day)) }}{% endmacro %}
{% macro default__days_between(first_day, last_day) %}date_diff('day', {{ first_day }}, {{ last_day }}){% endmacro %}
{% macro spark__days_between(first_day, last_day) %}datediff({{ last_day }}, {{ first_day }}){% endmacro %}

{# Seconds from one timestamp to another, as a double with fractions. #}
{% macro seconds_between(first_time, last_time) %}{{ return(adapter.dispatch('seconds_between')(first_time, last_time)) }}{% endmacro %}
{% macro default__seconds_between(first_time, last_time) %}(date_diff('microsecond', {{ first_time }}, {{ last_time }}) / 1e6){% endmacro %}
{% macro spark__seconds_between(first_time, last_time) %}(unix_micros({{ last_time }}) - unix_micros({{ first_time }})) / 1e6{% endmacro %}

{# Microseconds since 1970 as a BIGINT. #}
{% macro epoch_micros(at) %}{{ return(adapter.dispatch('epoch_micros')(at)) }}{% endmacro %}
{% macro default__epoch_micros(at) %}epoch_us({{ at }}){% endmacro %}
{% macro spark__epoch_micros(at) %}unix_micros({{ at }}){% endmacro %}

{# A text that sorts by time and then by a tie-breaking id; id_in_order gives the id back. #}
{% macro time_order(at, id) %}lpad(cast({{ epoch_micros(at) }} as varchar), 20, '0') || {{ id }}{% endmacro %}
{% macro id_in_order(time_order) %}substr({{ time_order }}, 21){% endmacro %}

{# Day of the week, Monday 1 to Sunday 7. #}
{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday')(day)) }}{% endmacro %}
{% macro default__iso_weekday(day) %}cast(isodow({{ day }}) as integer){% endmacro %}
{% macro spark__iso_weekday(day) %}(weekday({{ day }}) + 1){% endmacro %}

{# A row for each date from first to last (both included), in steps of a day or a month. #}
{% macro each_date(first_day, last_day, step) %}{{ return(adapter.dispatch('each_date')(first_day, last_day, step)) }}{% endmacro %}
{% macro default__each_date(first_day, last_day, step) -%}
    cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 {{ step }})) as date)
{%- endmacro %}
{% macro spark__each_date(first_day, last_day, step) -%}
    explode(sequence({{ first_day }}, {{ last_day }}, interval 1 {{ step }}))
{%- endmacro %}

{# A timestamp some days later; the days may have fractions. #}
{% macro days_later(at, days) %}{{ return(adapter.dispatch('days_later')(at, days)) }}{% endmacro %}
{% macro default__days_later(at, days) %}({{ at }} + to_microseconds(cast({{ days }} * 86400000000 as bigint))){% endmacro %}
{% macro spark__days_later(at, days) %}timestamp_micros(unix_micros({{ at }}) + cast({{ days }} * 86400000000 as bigint)){% endmacro %}
