{#
  Rules are read at any moment: a seed's rows are replaced in one transaction (dbt's default truncates, which commits).
  A seed whose columns changed is made anew.
#}
{% macro mysql__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ return(replace_rows(model, old_relation, agate_table)) }}
{%- endmacro %}

{% macro mariadb__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ return(replace_rows(model, old_relation, agate_table)) }}
{%- endmacro %}

{% macro replace_rows(model, old_relation, agate_table) %}
  {%- set there = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list -%}
  {%- if there == agate_table.column_names | list -%}
    {% call statement('empty') %} delete from {{ old_relation }} {% endcall %}
    {{ return('delete from ' ~ old_relation) }}
  {%- endif -%}
  {{ adapter.drop_relation(old_relation) }}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}
