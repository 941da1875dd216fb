{#
  A join that reads its left side first, whatever the optimizer thinks: where it takes a table of rules for the better
  beginning, it reads the large table once for each rule. Not a keyword that the linter knows: .sqlfluff has another.
#}
{% macro straight_join() -%}
  straight_join
{%- endmacro %}
