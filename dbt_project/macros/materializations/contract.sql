{#
  Contract check for both servers. dbt's default casts null to each declared type and compares the driver's type
  codes; CAST knows few types here and the two servers answer with different integer widths. So a column must have
  the declared name, and a type of the declared family (integer, number, text, date, datetime); the exact type is
  then the one of the CREATE TABLE.
#}
{% macro mysql__get_assert_columns_equivalent(sql) -%}
  {{ return(assert_contract(sql)) }}
{%- endmacro %}

{% macro mariadb__get_assert_columns_equivalent(sql) -%}
  {{ return(assert_contract(sql)) }}
{%- endmacro %}

{% macro assert_contract(sql) %}
  {%- set families = {
    'bigint': 'integer', 'int': 'integer', 'smallint': 'integer', 'tinyint': 'integer',
    'longlong': 'integer', 'long': 'integer', 'int24': 'integer', 'short': 'integer', 'tiny': 'integer',
    'integer': 'integer',
    'decimal': 'number', 'double': 'number', 'newdecimal': 'number', 'float': 'number',
    'varchar': 'text', 'text': 'text', 'longtext': 'text', 'var_string': 'text', 'string': 'text', 'blob': 'text',
    'long_blob': 'text', 'medium_blob': 'text', 'tiny_blob': 'text',
    'date': 'date', 'datetime': 'datetime', 'timestamp': 'datetime'
  } -%}
  {%- set declared = {} -%}
  {%- for column in model['columns'].values() -%}
    {%- do declared.update({column['name']: families.get(column['data_type'].split('(')[0].split(' ')[0] | lower)}) -%}
  {%- endfor -%}
  {%- set actual = {} -%}
  {%- for column in get_column_schema_from_query(sql) -%}
    {%- do actual.update({column.column: families.get(column.dtype | lower, column.dtype)}) -%}
  {%- endfor -%}
  {%- set wrong = [] -%}
  {%- for name, family in declared.items() -%}
    {%- if name not in actual -%}
      {%- do wrong.append(name ~ ': declared, not selected') -%}
    {%- elif actual[name] != family -%}
      {%- do wrong.append(name ~ ': declared ' ~ family ~ ', selected ' ~ actual[name]) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- for name in actual if name not in declared -%}
    {%- do wrong.append(name ~ ': selected, not declared') -%}
  {%- endfor -%}
  {%- if wrong -%}
    {%- do exceptions.raise_compiler_error('Contract of ' ~ model['name'] ~ ' is broken. ' ~ wrong | join('; ')) -%}
  {%- endif -%}
{% endmacro %}
