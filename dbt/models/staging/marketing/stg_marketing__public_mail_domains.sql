select parameter_key as domain
from ({{ parameter_rows('public_mail_domains') }}) as parameter_values
