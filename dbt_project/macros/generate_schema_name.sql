{% macro generate_schema_name(custom_schema_name, node) -%}
  {#- Models live in the database of the canonical tables; layers are told apart by name (stg_, int_). -#}
  {{ target.schema }}
{%- endmacro %}
