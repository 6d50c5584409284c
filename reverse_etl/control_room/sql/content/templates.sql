with messages as (
    select
        template,
        count(*) filter (where outcome = 'sent') as sent,
        count(*) as intended,
        max(sent_at) filter (where outcome = 'sent') as last_sent_at
    from marts.message_queue
    group by template
)

select
    templates.vertical,
    templates.template_name,
    templates.template,
    templates.status,
    templates.message_class,
    templates.purpose,
    templates.channels,
    templates.languages,
    templates.valid_from,
    coalesce(messages.intended, 0) as intended,
    coalesce(messages.sent, 0) as sent,
    messages.last_sent_at
from marts.template_versions as templates
left join messages on templates.template = messages.template
where templates.is_current
order by intended desc, templates.vertical, templates.template_name
