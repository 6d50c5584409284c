with versions as (

    select * from {{ source('lake', 'assets') }}

),

latest as (

    select * from versions
    qualify sequence = max(sequence) over (partition by asset)

),

final as (

    select
        asset,
        content_hash,
        media_type,
        size_bytes,
        width_px,
        height_px,
        published_name,
        known_at as valid_from
    from latest
    where status = 'active'

)

select * from final
