select
    stream || ': ' || field as name,
    month,
    invalid_share,
    missing_values,
    refused_values,
    checked_values
from marts.critical_fields
where month > (select max(month) from marts.critical_fields) - interval 24 month
order by month, stream, field
