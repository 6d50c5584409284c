select family, answered_on, p95_ms, p50_ms, p99_ms, requests, refused, failed
from marts.http_latency_daily
where p95_ms is not null
order by family, answered_on
