{#
  One step of identity resolution: the values of one identifier type join the contacts that stand
  after the stronger types. A row each identifier so far:

    identifier_type, identifier_key, group_key
    label    the contact, by any one of its groups; NULL where the identifier is nobody's
    verdict  alone      leads to no contact but its own
             attached   leads to one
             joined     leads to several, which thereby became one
             shared     leads to more contacts than most_contacts
             names      leads to contacts whose names forbid it
             crowded    would make a contact with more than most_per_contact of some type

  All values are judged at once, so no order of arrival counts. Where joining would crowd a
  contact, every value of this step that took part is refused.
#}
{% macro identity_step(identifier_type, before) -%}
with recursive contacts_before as (

    select * from {{ ref(before) }}

),

limits as (

    select * from {{ ref('stg_marketing__identity_limits') }}

),

identifiers as (

    select
        identifier_type,
        identifier_key,
        group_key
    from {{ ref('int_identity_identifiers') }}
    where identifier_type = '{{ identifier_type }}'

),

touches as (

    select distinct
        identifiers.group_key,
        contacts_before.label
    from {{ ref('int_identity_links') }} as links
    inner join identifiers on links.weaker_key = identifiers.identifier_key
    inner join contacts_before on links.stronger_key = contacts_before.identifier_key
    where
        links.weaker_type = '{{ identifier_type }}'
        and contacts_before.label is not null

),

-- The names that the value goes by: one for each contact of a CRM or an import that holds it.
named as (

    select
        identifiers.group_key,
        greatest(
            count(distinct names.last_name),
            count(distinct names.last_name || '|' || names.initial),
            count(distinct names.last_name || '|' || names.first_name)
        ) as names,
        count(distinct case when names.first_name is not null then names.group_key end) as named,
        count(distinct stronger.group_key) as holders
    from {{ ref('int_identity_links') }} as links
    inner join identifiers on links.weaker_key = identifiers.identifier_key
    inner join contacts_before as stronger on links.stronger_key = stronger.identifier_key
    left join {{ ref('int_identity_names') }} as names on stronger.group_key = names.group_key
    where
        links.weaker_type = '{{ identifier_type }}'
        and links.stronger_type in ('crm_contact', 'external_id')
    group by identifiers.group_key

),

counted as (

    select
        group_key,
        count(*) as contacts,
        min(label) as label
    from touches
    group by group_key

),

judged as (

    select
        counted.group_key,
        counted.label,
        case
            when counted.contacts = 1 then 'attached'
            when not coalesce(counted.contacts <= limits.most_contacts, false) then 'shared'
            when limits.names = 'any' then 'joined'
            when named.names > 1 then 'names'
            when limits.names = 'same' and named.named < named.holders then 'names'
            else 'joined'
        end as verdict
    from counted
    left join named on counted.group_key = named.group_key
    left join limits on limits.identifier_type = '{{ identifier_type }}'

),

edges as (

    select
        judged.label as node,
        touches.label as neighbour
    from judged
    inner join touches on judged.group_key = touches.group_key
    where judged.verdict = 'joined'
    union
    select
        touches.label as node,
        judged.label as neighbour
    from judged
    inner join touches on judged.group_key = touches.group_key
    where judged.verdict = 'joined'

),

{{ connected_components('edges') }},

joins as (

    select
        node as label,
        label as joined_label
    from components

),

-- What a joined contact would hold, and the most that one of its parts held before.
held as (

    select
        joins.joined_label,
        contacts_before.identifier_type,
        contacts_before.label,
        count(distinct contacts_before.group_key) as held_groups
    from contacts_before
    inner join joins on contacts_before.label = joins.label
    group by joins.joined_label, contacts_before.identifier_type, contacts_before.label

),

crowded as (

    select held.joined_label
    from held
    inner join limits on held.identifier_type = limits.identifier_type
    group by held.joined_label, held.identifier_type, limits.most_per_contact
    having sum(held.held_groups) > greatest(limits.most_per_contact, max(held.held_groups))

),

relabelled as (

    select
        joins.label,
        joins.joined_label
    from joins
    left join crowded on joins.joined_label = crowded.joined_label
    where crowded.joined_label is null

)

select
    contacts_before.identifier_type,
    contacts_before.identifier_key,
    contacts_before.group_key,
    coalesce(relabelled.joined_label, contacts_before.label) as label,
    contacts_before.verdict
from contacts_before
left join relabelled on contacts_before.label = relabelled.label
union all
select
    identifiers.identifier_type,
    identifiers.identifier_key,
    identifiers.group_key,
    case
        when judged.verdict is null then identifiers.group_key
        when judged.verdict = 'attached' then coalesce(relabelled.joined_label, judged.label)
        when judged.verdict = 'joined' then relabelled.joined_label
    end as label,
    case
        when judged.verdict is null then 'alone'
        when judged.verdict = 'joined' and relabelled.label is null then 'crowded'
        else judged.verdict
    end as verdict
from identifiers
left join judged on identifiers.group_key = judged.group_key
left join relabelled on judged.label = relabelled.label
{%- endmacro %}
