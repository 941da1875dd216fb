{#
  A table with one or more rows per entity. A full build makes it anew, beside the old one (create_table_beside). A
  build by changes takes the rows of the changed entities out and puts the new ones in, in one transaction: a reader
  sees the entity as it was or as it is.

  The model's SQL restricts itself by of_changed(); its contract names the columns.
#}
{% materialization by_entity, default %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}

  {% do prepare_session() %}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {% if by_changes() and existing is not none and existing.type == 'table' %}
    {% set columns = model['columns'].values() | map(attribute='name') | map('string') | list %}
    {# A DELETE of several tables needs a default database for its alias. #}
    {% call statement('use', auto_begin=False) %} use {{ this.schema }} {% endcall %}
    {% call statement('take_out') %}
      delete of_model from {{ this }} as of_model
      inner join {{ ref('int_changed_entities') }} as changed
          on changed.entity_id = of_model.entity_id
    {% endcall %}
    {% call statement('main') %}
      insert into {{ this }} ({{ quoted_columns(columns) }})
      select {{ quoted_columns(columns) }} from (
        {{ sql }}
      ) as built
    {% endcall %}
  {% else %}
    {% do create_table_beside(target_relation, existing, sql) %}
  {% endif %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro quoted_columns(columns) -%}
  {%- for column in columns -%} `{{ column }}`{{ ', ' if not loop.last }} {%- endfor -%}
{%- endmacro %}
