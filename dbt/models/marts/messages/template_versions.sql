with parts as (

    select * from {{ source('lake', 'template_versions') }}

),

channels as (

    select distinct
        template,
        sequence,
        channel
    from parts

),

languages as (

    select distinct
        template,
        sequence,
        language
    from parts

),

channel_lists as (

    select
        template,
        sequence,
        string_agg(channel, ',' order by channel) as channels
    from channels
    group by template, sequence

),

language_lists as (

    select
        template,
        sequence,
        string_agg(language, ',' order by language) as languages
    from languages
    group by template, sequence

),

versions as (

    select
        template,
        sequence,
        min(template_version) as template_version,
        min(status) as status,
        min(template_name) as template_name,
        min(description) as template_description,
        min(vertical) as vertical,
        min(message_class) as message_class,
        min(purpose) as purpose,
        min(default_language) as default_language,
        min(drafted_by) as drafted_by,
        count(*) as parts,
        min(known_at) as known_at
    from parts
    group by template, sequence

),

final as (

    select
        versions.template,
        versions.sequence as version_number,
        versions.template_version,
        versions.status,
        versions.template_name,
        versions.template_description,
        versions.vertical,
        versions.message_class,
        versions.purpose,
        versions.default_language,
        versions.drafted_by,
        channel_lists.channels,
        language_lists.languages,
        versions.parts,
        versions.known_at as valid_from,
        lead(versions.known_at) over (
            partition by versions.template order by versions.sequence
        ) as valid_to,
        versions.status <> 'retired'
        and versions.sequence
        = max(versions.sequence) over (partition by versions.template) as is_current
    from versions
    inner join channel_lists
        on versions.template = channel_lists.template and versions.sequence = channel_lists.sequence
    inner join language_lists
        on
            versions.template = language_lists.template
            and versions.sequence = language_lists.sequence

)

select * from final
