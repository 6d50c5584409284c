{#
  One step of identity resolution: the groups of one identifier type join the contacts that stand
  after the stronger types. A row for each group so far:

    identifier_type, group_id
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

edges_to_values as (

    select
        stronger_type,
        stronger_id,
        weaker_id as group_id
    from {{ ref('int_identity_edges') }}
    where weaker_type = '{{ identifier_type }}'

),

touches as (

    select distinct
        edges_to_values.group_id,
        contacts_before.label
    from edges_to_values
    inner join contacts_before on edges_to_values.stronger_id = contacts_before.group_id
    where contacts_before.label is not null

),

counted as (

    select
        group_id,
        count(*) as contacts,
        min(label) as label
    from touches
    group by group_id

),

-- The names that a value goes by: one for each contact of a CRM or an import that holds it.
named as (

    select
        edges_to_values.group_id,
        greatest(
            count(distinct names.last_name),
            count(distinct names.last_name || '|' || names.initial),
            count(distinct names.last_name || '|' || names.first_name)
        ) as names,
        count(distinct case when names.first_name is not null then names.group_id end) as named,
        count(distinct edges_to_values.stronger_id) as holders
    from edges_to_values
    inner join counted
        on edges_to_values.group_id = counted.group_id and counted.contacts > 1
    left join {{ ref('int_identity_names') }} as names
        on edges_to_values.stronger_id = names.group_id
    where edges_to_values.stronger_type in ('crm_contact', 'external_id')
    group by edges_to_values.group_id

),

judged as (

    select
        counted.group_id,
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
    left join named on counted.group_id = named.group_id
    left join limits on limits.identifier_type = '{{ identifier_type }}'

),

edges as (

    select
        judged.label as node,
        touches.label as neighbour
    from judged
    inner join touches on judged.group_id = touches.group_id
    where judged.verdict = 'joined'
    union
    select
        touches.label as node,
        judged.label as neighbour
    from judged
    inner join touches on judged.group_id = touches.group_id
    where judged.verdict = 'joined'

),

{{ connected_components('edges') }},

-- What a joined contact would hold, and the most that one of its parts held before.
held as (

    select
        components.label as joined_label,
        contacts_before.identifier_type,
        components.node,
        count(*) as held_groups
    from contacts_before
    inner join components on contacts_before.label = components.node
    group by components.label, contacts_before.identifier_type, components.node

),

crowded as (

    select distinct held.joined_label
    from held
    inner join limits on held.identifier_type = limits.identifier_type
    group by held.joined_label, held.identifier_type, limits.most_per_contact
    having sum(held.held_groups) > greatest(limits.most_per_contact, max(held.held_groups))

),

relabelled as (

    select
        components.node as label,
        components.label as joined_label
    from components
    left join crowded on components.label = crowded.joined_label
    where crowded.joined_label is null

)

select
    contacts_before.identifier_type,
    contacts_before.group_id,
    coalesce(relabelled.joined_label, contacts_before.label) as label,
    contacts_before.verdict
from contacts_before
left join relabelled on contacts_before.label = relabelled.label
union all
select
    identity_groups.identifier_type,
    identity_groups.group_id,
    case
        when judged.verdict is null then identity_groups.group_id
        when judged.verdict = 'attached' then coalesce(relabelled.joined_label, judged.label)
        when judged.verdict = 'joined' then relabelled.joined_label
    end as label,
    case
        when judged.verdict is null then 'alone'
        when judged.verdict = 'joined' and relabelled.label is null then 'crowded'
        else judged.verdict
    end as verdict
from {{ ref('int_identity_groups') }} as identity_groups
left join judged on identity_groups.group_id = judged.group_id
left join relabelled on judged.label = relabelled.label
where identity_groups.identifier_type = '{{ identifier_type }}'
{%- endmacro %}
