{# Regions of the North American numbering plan that the national registry covers. #}
{% macro us_regions() -%} ('US', 'PR', 'GU', 'VI', 'AS', 'MP') {%- endmacro %}
