select
    cap,
    classes,
    channels,
    max_messages,
    window_days,
    calendar,
    messages_in_window,
    contacts_stopped,
    deferred,
    blocked,
    value_delayed,
    value_lost
from marts.frequency_caps
order by position
