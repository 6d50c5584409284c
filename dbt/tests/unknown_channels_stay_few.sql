-- Sessions whose channel no rule of channels.yml names: too many are a warning, not a stop.
{{ config(severity='warn') }}

with shares as (

    select
        count(*) as sessions,
        {{ ratio("count(*) filter (where channel = 'unknown')", 'count(*)') }} as unknown_share
    from {{ ref('fct_sessions') }}

),

settings as (

    select cast({{ json_text('value', 'max_unknown_share') }} as double) as max_unknown_share
    from ({{ parameter_rows('channel_settings') }}) as channel_settings

)

select
    shares.sessions,
    shares.unknown_share,
    settings.max_unknown_share
from shares
cross join settings
where shares.unknown_share > settings.max_unknown_share
