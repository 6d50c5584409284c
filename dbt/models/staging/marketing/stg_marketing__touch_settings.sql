-- One row, or none where no definition is in force.
select
    cast({{ json_text('value', 'full_depth_page_views') }} as integer) as full_depth_page_views
from ({{ parameter_rows('touch_settings') }}) as parameter_values
