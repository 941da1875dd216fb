{% macro as_of() -%}
  {#- The instant the verdicts are for, as a UTC literal: var as_of, else the start of the run. -#}
  cast('{{ var("as_of") or run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as datetime(6))
{%- endmacro %}
