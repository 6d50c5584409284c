-- question: Which received rows did not fit, and why?
-- grain: one row per kind of file, verdict, reason and field
-- caveat: duplicates are here, too, and are no loss; marketing replay reads mended files again
select
    kind,
    verdict,
    reason,
    field,
    count(*) as row_count,
    count(distinct landing_file) as files,
    max(landed_at) as last_landed_at
from marts.rejected_rows
group by kind, verdict, reason, field
order by row_count desc, kind, verdict, reason, field;
