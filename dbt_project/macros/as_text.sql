{#- The expression as text of the default collation: columns of different ones cannot stand in one column of a union. -#}
{% macro as_text(expression) -%}
    convert({{ expression }} using utf8mb4) collate utf8mb4_unicode_ci
{%- endmacro %}


{#- The expression as a key of contact points of whatever kind, compared byte by byte. -#}
{% macro as_key(expression) -%}
    convert({{ expression }} using utf8mb4) collate utf8mb4_bin
{%- endmacro %}
