{# What a run may say about its own past. Portable SQL, so no dispatch. #}

{#
  Whether a file had landed when a run began. The files of one pull stand microseconds behind the
  as_of of the run that asked: less than a second is no later.
#}
{% macro landed_by(landed_at, as_of) %}{{ landed_at }} - interval '1' second <= {{ as_of }}{% endmacro %}
