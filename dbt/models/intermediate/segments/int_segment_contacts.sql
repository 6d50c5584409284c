-- depends_on: {{ ref('contact_features') }}
-- depends_on: {{ ref('account_features') }}
-- depends_on: {{ ref('field_values') }}
-- depends_on: {{ ref('consent_states') }}
-- depends_on: {{ ref('list_members') }}
-- depends_on: {{ ref('segment_snapshots') }}
-- depends_on: {{ ref('int_segment_events') }}
-- depends_on: {{ ref('int_segment_touches') }}
select * from {{ compiled_query('segment_contacts') }} -- noqa: AM04
