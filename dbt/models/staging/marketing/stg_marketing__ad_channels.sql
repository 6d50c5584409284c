select parameter_key as channel
from ({{ parameter_rows('ad_channels') }}) as parameter_values
