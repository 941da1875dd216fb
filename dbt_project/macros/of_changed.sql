{#
  A build is full, or by changes: then only the entities of int_changed_entities are built anew. The environment says
  so (set by resources/dbt.py where everything was built before by the same models and rules); not a var, since dbt
  parses the project anew when vars change.

  `of_changed(column)`: condition on the rows of this build; true for all rows of a full one.
#}
{% macro by_changes() %}
  {{ return(execute and env_var('CM_DBT_BY_CHANGES', '') == '1') }}
{% endmacro %}


{% macro of_changed(column) -%}
  {%- set changed = ref('int_changed_entities') -%}
  {%- if by_changes() -%}
    {{ column }} in (select entity_id from {{ changed }})
  {%- else -%}
    1 = 1
  {%- endif -%}
{%- endmacro %}


{# Tests of columns look at the rows of this build only: the others were tested when they were built. #}
{% macro get_where_subquery(relation) -%}
  {%- set where = config.get('where', '') -%}
  {%- if by_changes() and relation.identifier in models_by_entity() -%}
    (
      select of_model.* from {{ relation }} as of_model
      inner join {{ relation.schema }}.int_changed_entities as changed
          on changed.entity_id = of_model.entity_id
      {%- if where %} where {{ where }} {%- endif %}
    ) as dbt_subquery
  {%- elif where -%}
    (select * from {{ relation }} where {{ where }}) as dbt_subquery
  {%- else -%}
    {{ relation }}
  {%- endif -%}
{%- endmacro %}


{% macro models_by_entity() %}
  {%- set names = [] -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'by_entity' -%}
    {%- do names.append(node.name) -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}
