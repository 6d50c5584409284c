select measured_on, vertical, sentence, q
from marts.anomalies
order by measured_on desc, q
