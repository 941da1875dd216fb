{# Views replaced in one statement: dbt-mysql's own materialization drops the old one first. #}
{% materialization view, default %}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set existing = load_cached_relation(this) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {% if existing is not none and existing.type == 'table' %}
    {% call statement('drop_table') %} drop table if exists {{ existing }} {% endcall %}
  {% endif %}
  {% if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(sql) }}
  {% endif %}
  {% call statement('main') -%}
    create or replace sql security invoker view {{ target_relation }} as
    {{ sql }}
  {%- endcall %}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
