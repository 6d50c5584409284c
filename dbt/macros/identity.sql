{# The identifier types that are judged, in this order, and the model of each. #}
{% macro _identity_steps() -%}
    {{ return([
        ('user_id', 'int_identity_users'),
        ('email', 'int_identity_emails'),
        ('phone', 'int_identity_phones'),
        ('anonymous_id', 'int_identity_devices'),
    ]) }}
{%- endmacro %}

{#
  The groups that stand before the step of an identifier type, or after all steps: a row for each,
  with the columns of a step. What a later step moved to another contact is taken from there.
#}
{% macro identity_groups_before(identifier_type=none) -%}
    {%- set before = [] -%}
    {%- set found = namespace(step=false) -%}
    {%- for step_type, model in _identity_steps() -%}
        {%- set found.step = found.step or step_type == identifier_type -%}
        {%- if not found.step -%}{%- do before.append((step_type, ref(model))) -%}{%- endif -%}
    {%- endfor -%}
    {%- for relation in [ref('int_identity_sources')] + before | map(attribute=1) | list %}
    {%- set later = before[loop.index0:] %}
    select
        step.identifier_type,
        step.group_id,
        step.label,
        step.verdict
    from {{ relation }} as step
    {%- if later %}
    left join (
        {%- for later_type, moved in later %}
        select group_id from {{ moved }} where identifier_type <> '{{ later_type }}'
        {{- '\n        union all' if not loop.last }}
        {%- endfor %}
    ) as moved on step.group_id = moved.group_id
    where moved.group_id is null
    {%- endif %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#
  One step of identity resolution: the groups of one identifier type join the contacts that stand
  after the stronger types. A row for each group of the type, and for each earlier group that came
  into another contact by it:

    identifier_type, group_id
    label    the contact, by the group that names it: of its strongest type the one with the
             smallest key; NULL where the identifier is nobody's
    verdict  alone      leads to no contact but its own
             attached   leads to one
             joined     leads to several, which thereby became one
             shared     leads to more contacts than most_contacts
             names      leads to contacts whose names forbid it
             crowded    would make a contact with more than most_per_contact of some type

  All values are judged at once, so no order of arrival counts. Where joining would crowd a
  contact, every value of this step that took part is refused.
#}
{% macro identity_step(identifier_type) -%}
with recursive contacts_before as (
    {{ identity_groups_before(identifier_type) }}

),

identity_groups as (

    select * from {{ ref('int_identity_groups') }}
    where identifier_type = '{{ identifier_type }}'

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

    select
        edges_to_values.group_id,
        contacts_before.label
    from edges_to_values
    inner join contacts_before on edges_to_values.stronger_id = contacts_before.group_id
    where contacts_before.label is not null

),

reached as (

    select
        group_id,
        min(label) as label,
        max(label) as other_label
    from touches
    group by group_id

),

-- The few values that lead to several contacts, and these.
contested as (

    select distinct
        touches.group_id,
        touches.label
    from touches
    inner join reached on touches.group_id = reached.group_id
    where reached.label <> reached.other_label

),

counted as (

    select
        group_id,
        min(label) as label,
        count(*) as contacts
    from contested
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
    inner join counted on edges_to_values.group_id = counted.group_id
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
        contested.label as neighbour
    from judged
    inner join contested on judged.group_id = contested.group_id
    where judged.verdict = 'joined'
    union
    select
        contested.label as node,
        judged.label as neighbour
    from judged
    inner join contested on judged.group_id = contested.group_id
    where judged.verdict = 'joined'

),

{{ connected_components('edges') }},

-- The few groups whose contacts may become one. The joins to `components` come after it: planners
-- take a recursion for large, and would hash all contacts for each.
moving as (

    select contacts_before.*
    from contacts_before
    inner join (select distinct node from edges) as nodes on contacts_before.label = nodes.node

),

naming as (

    select
        identifiers.identifier_type,
        identifiers.group_id,
        identifiers.group_key
    from {{ ref('int_identity_identifiers') }} as identifiers
    inner join (select distinct node from edges) as nodes on identifiers.identifier_id = nodes.node

),

-- What a joined contact would hold, and the most that one of its parts held before.
held as (

    select
        components.label as component,
        moving.identifier_type,
        components.node,
        count(*) as held_groups
    from moving
    inner join components on moving.label = components.node
    group by components.label, moving.identifier_type, components.node

),

crowded as (

    select distinct held.component
    from held
    inner join limits on held.identifier_type = limits.identifier_type
    group by held.component, held.identifier_type, limits.most_per_contact
    having sum(held.held_groups) > greatest(limits.most_per_contact, max(held.held_groups))

),

by_strength as (

    select
        components.label as component,
        components.node,
        row_number() over (
            partition by components.label
            order by limits.position asc nulls last, naming.group_key asc
        ) as strength
    from components
    inner join naming on components.node = naming.group_id
    left join limits on naming.identifier_type = limits.identifier_type

),

relabelled as (

    select
        components.node as label,
        by_strength.node as joined_label
    from components
    inner join by_strength
        on components.label = by_strength.component and by_strength.strength = 1
    left join crowded on components.label = crowded.component
    where crowded.component is null

)

select
    moving.identifier_type,
    moving.group_id,
    relabelled.joined_label as label,
    moving.verdict
from moving
inner join relabelled on moving.label = relabelled.label
where relabelled.joined_label <> moving.label
union all
select
    identity_groups.identifier_type,
    identity_groups.group_id,
    case
        when reached.group_id is null then identity_groups.group_id
        when judged.verdict is null then coalesce(relabelled.joined_label, reached.label)
        when judged.verdict = 'joined' then relabelled.joined_label
    end as label,
    case
        when reached.group_id is null then 'alone'
        when judged.verdict is null then 'attached'
        when judged.verdict = 'joined' and relabelled.label is null then 'crowded'
        else judged.verdict
    end as verdict
from identity_groups
left join reached on identity_groups.group_id = reached.group_id
left join judged on reached.group_id = judged.group_id
left join relabelled on reached.label = relabelled.label
{%- endmacro %}
