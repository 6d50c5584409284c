with targets as (

    select * from {{ ref('stg_marketing__target_accounts') }}

),

accounts as (

    select
        account_id,
        vertical,
        siren,
        insee_code,
        crm_id,
        lower(domain) as domain_in_use
    from {{ ref('dim_accounts') }}

),

candidates as (

    {% for identifier, column in [
        ('siren', 'siren'), ('insee_code', 'insee_code'), ('crm_id', 'crm_id'),
        ('domain', 'domain_in_use'),
    ] -%}
    select
        targets.line,
        {{ loop.index }} as strength,
        '{{ identifier }}' as matched_by,
        accounts.account_id,
        accounts.vertical
    from targets
    inner join accounts on targets.{{ identifier }} = accounts.{{ column }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

strongest as (

    select
        line,
        min(strength) as strength,
        count(distinct account_id) as all_accounts
    from candidates
    group by line

),

found as (

    select
        candidates.line,
        min(candidates.matched_by) as matched_by,
        min(candidates.account_id) as account_id,
        min(candidates.vertical) as vertical,
        count(*) as candidate_accounts,
        max(strongest.all_accounts) > count(*) as is_conflicting
    from candidates
    inner join strongest
        on candidates.line = strongest.line and candidates.strength = strongest.strength
    group by candidates.line

),

judged as (

    select
        targets.line,
        targets.name,
        targets.tier,
        found.matched_by,
        found.account_id,
        found.vertical,
        coalesce(found.candidate_accounts, 0) as candidate_accounts,
        coalesce(found.is_conflicting, false) as is_conflicting,
        case
            when found.line is null then 'unmatched'
            when found.candidate_accounts > 1 then 'ambiguous'
            when
                row_number() over (
                    partition by found.account_id, found.candidate_accounts order by targets.line
                ) > 1
                then 'repeated'
            else 'matched'
        end as match_verdict
    from targets
    left join found on targets.line = found.line

)

select
    line,
    name,
    tier,
    match_verdict,
    matched_by,
    case when match_verdict = 'matched' then account_id end as account_id,
    case when match_verdict = 'matched' then vertical end as vertical,
    candidate_accounts,
    is_conflicting
from judged
