{#
  Tables that readers may query at any moment. dbt-mysql's own materialization drops and renames in
  separate statements and adds indexes afterwards; here the new table is built and indexed beside the old one and
  both change places in one atomic RENAME.

  Indexes come from config(indexes=[{"columns": [...], "type": "primary" | "unique" | "plain"}]).
  READ COMMITTED, because CREATE TABLE ... SELECT under REPEATABLE READ locks the rows it reads and would hold up
  the writer of the canonical tables.
#}
{% materialization table, default %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}

  {% do prepare_session() %}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {% do create_table_beside(target_relation, existing, sql) %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#
  Isolation as said above. Sorting and grouping of a million rows in memory instead of on disk. And MariaDB would work out
  a grouped subquery once per row of what it is joined with (split_materialized), however many there are.
#}
{% macro prepare_session() %}
  {% call statement('isolation', auto_begin=False) %}
    set session transaction isolation level read committed
  {% endcall %}
  {% call statement('memory', auto_begin=False) %}
    set session tmp_table_size = 268435456, session max_heap_table_size = 268435456, session sort_buffer_size = 67108864,
      session group_concat_max_len = 4096
  {% endcall %}
  {% if target.type == 'mariadb' %}
    {% call statement('switch', auto_begin=False) %} set session optimizer_switch = 'split_materialized=off' {% endcall %}
  {% endif %}
{% endmacro %}


{% macro create_table_beside(target_relation, existing, sql) %}
  {%- set building = make_intermediate_relation(target_relation) -%}
  {%- set retired = make_backup_relation(target_relation, 'table') -%}
  {% call statement('drop_leftovers', auto_begin=False) %}
    drop table if exists {{ building }}, {{ retired }}
  {% endcall %}

  {% call statement('main') -%}
    {{ get_create_table_as_sql(False, building, sql) }}
  {%- endcall %}

  {% if config.get('indexes') %}
    {% call statement('indexes') %}
      alter table {{ building }} {{ index_clauses(config.get('indexes')) }}
    {% endcall %}
  {% endif %}

  {% if existing is not none and existing.type == 'view' %}
    {% call statement('drop_view') %} drop view if exists {{ existing }} {% endcall %}
    {% set existing = none %}
  {% endif %}
  {% call statement('swap_lock') %} select get_lock({{ swap_lock() }}, 60) {% endcall %}
  {% call statement('swap') %}
    rename table {% if existing is not none %}{{ existing }} to {{ retired }}, {% endif %}{{ building }} to {{ target_relation }}
  {% endcall %}
  {% call statement('swap_unlock') %} select release_lock({{ swap_lock() }}) {% endcall %}
  {% call statement('drop_retired') %} drop table if exists {{ retired }} {% endcall %}
{% endmacro %}


{#
  The lock under which tables change places: MySQL's RENAME takes the views over a table too, and two of them with a view
  in common end in a deadlock. The same name as cm_core.store.locks gives it (SWAP_LOCK).
#}
{% macro swap_lock() -%}
  {%- set name = target.schema ~ '.cm_swap' -%}
  {%- if name | length <= 64 -%} '{{ name }}'
  {%- else -%} concat(left('{{ name }}', 31), '.', left(sha2('{{ name }}', 256), 32))
  {%- endif -%}
{%- endmacro %}


{% macro index_clauses(indexes) %}
  {%- set kinds = {'primary': 'add primary key', 'unique': 'add unique index', 'plain': 'add index'} -%}
  {%- for index in indexes -%}
    {{ kinds[index.get('type', 'plain')] }} ({{ index['columns'] | join(', ') }}){{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}


{% macro mysql__create_table_as(temporary, relation, sql) -%}
  {{ create_contract_table(temporary, relation, sql) }}
{%- endmacro %}

{% macro mariadb__create_table_as(temporary, relation, sql) -%}
  {{ create_contract_table(temporary, relation, sql) }}
{%- endmacro %}

{#  CREATE TABLE ... SELECT with the model's contract as its columns; text is utf8mb4_unicode_ci where the contract
    names no other collation, so that both servers build the same table whatever their defaults are. #}
{% macro create_contract_table(temporary, relation, sql) %}
  create {{ 'temporary ' if temporary }}table {{ relation.include(database=False) }}
  {% if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    {%- set sql = get_select_subquery(sql) %}
  {% endif %}
  engine = InnoDB default character set utf8mb4 collate utf8mb4_unicode_ci
  as
  {{ sql }}
{% endmacro %}
