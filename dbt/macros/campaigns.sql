{# A number as a text for people: without the ".0" of a whole one. #}
{% macro plain_number(number) %}regexp_replace(cast({{ number }} as varchar), '[.]0$', ''){% endmacro %}

{# What a scorecard row asks somebody to do: of `judged` and `effects`. The first that fits. #}
{% macro campaign_next_step() -%}
case
        when judged.verdict = 'reached' and coalesce(effects.decision, 'no_control') = 'worse'
            then 'Reached, and those held out did better: end it'
        when judged.verdict = 'reached' and coalesce(effects.decision, 'no_control') = 'better'
            then 'Reached, and because of it: go on with a higher target'
        when judged.verdict = 'reached' and coalesce(effects.decision, 'no_control') = 'no_control'
            then 'Reached: go on, and hold some out to see whether it is why'
        when judged.verdict = 'reached'
            then 'Reached, and no effect is shown yet: go on until the hold-out decides'
        when judged.verdict = 'failed' and judged.written_to = 0
            then 'Nobody was written to: why_not_sent says what stopped its messages'
        when judged.verdict = 'failed' and coalesce(effects.decision, 'no_control') = 'worse'
            then 'Those held out did better: end it'
        when judged.verdict = 'failed' and coalesce(effects.decision, 'no_control') = 'better'
            then 'It works and reached too few: widen the audience'
        when judged.verdict = 'failed' and coalesce(effects.decision, 'no_control') = 'no_control'
            then 'Nobody was held out, so nobody knows why: change it, and hold some out'
        when judged.verdict = 'failed'
            then 'No effect was shown: change message or audience, and test it beside this one'
        when judged.verdict = 'planned' and judged.campaign_kind = 'broadcast'
            then 'Plan and approve it'
        when judged.verdict = 'planned' and judged.campaign_kind = 'recurring'
            then 'Its first launch is to come'
        when judged.verdict = 'planned'
            then 'Nobody has come in yet'
        when judged.written_to = 0
            then 'Nothing is out yet: approve it, or see why_not_sent'
        when coalesce(effects.decision, 'no_control') = 'worse'
            then 'Those held out do better: pause it'
        when judged.progress < judged.time_passed
            then 'Behind: less is reached than time has passed'
        else 'On course'
    end
{%- endmacro %}
