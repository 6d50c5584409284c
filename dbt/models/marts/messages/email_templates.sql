with parts as (

    select * from {{ source('lake', 'template_versions') }}

),

latest as (

    select * from parts
    qualify sequence = max(sequence) over (partition by template)

),

final as (

    select
        template,
        language,
        template_version,
        status,
        template_name,
        vertical,
        message_class,
        purpose,
        language = default_language as is_default_language,
        subject,
        preheader,
        html,
        text as text_part,
        required_sources,
        optional_sources,
        known_at as valid_from
    from latest
    where channel = 'email' and status <> 'retired'

)

select * from final
