-- depends_on: {{ ref('account_features') }}
-- depends_on: {{ ref('contact_features') }}
-- depends_on: {{ ref('field_values') }}
-- depends_on: {{ ref('int_segment_events') }}
-- depends_on: {{ ref('int_segment_touches') }}
select * from {{ compiled_query('segment_accounts') }} -- noqa: AM04
