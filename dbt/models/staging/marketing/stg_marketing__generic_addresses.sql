select parameter_key as first_word
from ({{ parameter_rows('consent_generic_addresses') }}) as parameter_values
