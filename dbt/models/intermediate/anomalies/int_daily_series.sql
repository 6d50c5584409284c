-- Series of campaigns and of whole verticals; `trials` makes a share of one. Days without a row are
-- days without anything.
{% set ads = [
    ('impressions', 'sum(impressions)', none), ('ad_clicks', 'sum(clicks)', none),
    ('ad_spend', 'sum(spend_base)', none), ('ad_click_rate', 'sum(clicks)', 'sum(impressions)'),
    ('ad_conversion_rate', 'sum(platform_conversions)', 'sum(clicks)'),
] -%}
{% set mails = [
    ('mails', 'sum(mails)', none), ('mail_click_rate', 'sum(clicked)', 'sum(delivered)'),
    ('mail_bounce_rate', 'sum(bounced)', 'sum(mails)'),
    ('mail_unsubscribe_rate', 'sum(unsubscribed)', 'sum(delivered)'),
] -%}
{# relation, source, scope, subject, day, condition, metrics #}
{% set groups = [
    ('fct_ad_spend_daily', "'ads/' || platform", 'campaign', 'campaign_id', 'spend_on', 'true',
     ads),
    ('int_mail_days', "'mails'", 'mailing', 'mailing_id', 'sent_on', 'mailing_id is not null',
     mails),
    ('int_mail_days', "'mails'", 'vertical', "coalesce(vertical, 'unassigned')", 'sent_on', 'true',
     mails),
    ('fct_sessions', "'events'", 'vertical', "coalesce(vertical, 'unassigned')", 'started_on',
     "actor_class <> 'machine'",
     [('sessions', 'count(*)', none),
      ('engaged_sessions', 'count(*) filter (where is_engaged)', 'count(*)')]),
    ('fct_orders', "'events'", 'vertical', "coalesce(vertical, 'unassigned')", 'ordered_on', 'true',
     [('orders', 'count(*)', none), ('order_revenue', 'sum(revenue_base)', none)]),
    ('int_funnel_entries', "'crm'", 'vertical', 'vertical', 'entered_on', 'not is_imputed',
     [('funnel', 'count(*)', none)]),
] -%}
{% for relation, source, scope, subject, day, condition, metrics in groups -%}
{% set outer = loop -%}
{% for metric, value, trials in metrics -%}
{% set name = "metric" if metric == 'funnel' else "'" ~ metric ~ "'" -%}
select
    {{ source }} as series_source,
    '{{ scope }}' as scope,
    {{ subject }} as subject,
    max(vertical) as vertical,
    {{ name }} as metric,
    {{ day }} as measured_on,
    cast({{ value }} as double) as value,
    cast({{ trials or 'null' }} as double) as trials
from {{ ref(relation) }}
where {{ condition }} and {{ day }} is not null{{ ' and metric is not null' if metric == 'funnel' }}
group by
    {{ source }},
    {{ subject }},{{ '\n    metric,' if metric == 'funnel' }}
    {{ day }}
{% if not (outer.last and loop.last) -%}union all
{% endif -%}
{% endfor -%}
{% endfor %}
