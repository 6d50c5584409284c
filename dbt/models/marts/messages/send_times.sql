-- Hours that are quiet for every mail are no choice, and neither are those at which the segment was
-- hardly written to: of them nothing but the smoothing would speak. What a contact's own mails say
-- is smoothed toward its segment's hours; of equal hours the default one is taken, else the first.
with settings as (

    select
        {{ json_number('smoothing') }} as smoothing,
        {{ json_number('least_mails') }} as least_mails,
        {{ json_number('least_gain') }} as least_gain,
        cast({{ json_text('value', 'default_hour') }} as integer) as default_hour
    from ({{ parameter_rows('send_time_settings') }}) as found

),

sent as (

    select * from {{ ref('int_mail_hours') }}

),

segment_rates as (

    select * from {{ ref('int_mail_hour_rates') }}

),

quiet as (

    select
        {{ json_text('value', 'country') }} as country,
        cast({{ json_text('value', 'local_hour') }} as integer) as local_hour
    from ({{ parameter_rows('quiet_mail_hours') }}) as found

),

kinds as (

    select 'weekday' as day_kind
    union all
    select 'weekend' as day_kind

),

people as (

    select
        sent.contact_id,
        kinds.day_kind,
        max(coalesce(sent.vertical, '')) as vertical,
        max(coalesce(sent.persona, '')) as persona,
        max(sent.country) as country,
        coalesce(sum(case when sent.day_kind = kinds.day_kind then sent.sends end), 0) as sends,
        coalesce(sum(case when sent.day_kind = kinds.day_kind then sent.clicks end), 0) as clicks
    from sent
    cross join kinds
    group by sent.contact_id, kinds.day_kind

),

rated as (

    select
        people.contact_id,
        people.day_kind,
        segment_rates.local_hour,
        {{ smoothed('sent', 'segment_rates.click_rate', 'settings.smoothing') }} as click_rate,
        segment_rates.local_hour = settings.default_hour as is_default,
        quiet.local_hour is null and segment_rates.sends >= settings.smoothing as is_allowed
    from people
    cross join settings
    inner join segment_rates
        on
            people.vertical = segment_rates.vertical
            and people.persona = segment_rates.persona
            and people.day_kind = segment_rates.day_kind
    left join sent
        on
            people.contact_id = sent.contact_id
            and people.day_kind = sent.day_kind
            and segment_rates.local_hour = sent.local_hour
    left join quiet
        on
            segment_rates.local_hour = quiet.local_hour
            and coalesce(people.country = quiet.country, quiet.country is null)
    where people.sends >= settings.least_mails

),

ranked as (

    select
        *,
        max(case when is_default then click_rate end)
            over (partition by contact_id, day_kind) as default_rate,
        row_number() over (
            partition by contact_id, day_kind
            order by is_allowed desc, round(click_rate, 12) desc, is_default desc, local_hour asc
        ) as place
    from rated

),

compared as (

    select
        people.contact_id,
        people.day_kind,
        people.sends,
        people.clicks,
        settings.default_hour,
        settings.least_gain,
        ranked.local_hour as best_hour,
        ranked.click_rate as best_rate,
        ranked.default_rate,
        {{ ratio('ranked.click_rate', 'ranked.default_rate') }} - 1 as gain
    from people
    cross join settings
    left join ranked
        on
            people.contact_id = ranked.contact_id
            and people.day_kind = ranked.day_kind
            and ranked.place = 1
            and ranked.is_allowed

)

select
    contact_id,
    'email' as channel,
    day_kind,
    case
        when coalesce(gain >= least_gain, false) then best_hour else default_hour
    end as recommended_hour,
    best_hour,
    best_rate,
    default_rate,
    gain,
    cast(sends as bigint) as sends,
    cast(clicks as bigint) as clicks,
    not coalesce(gain >= least_gain, false) as is_fallback
from compared
