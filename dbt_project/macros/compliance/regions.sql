{# Regions of the North American numbering plan that the national registry covers. #}
{% macro us_regions() -%} ('US', 'PR', 'GU', 'VI', 'AS', 'MP') {%- endmacro %}


{# Places that "anywhere in the US" leaves out, as cm_core.compliance.places does. #}
{% macro far_states() -%} ^(AS|FM|GU|MH|MP|PW)@ {%- endmacro %}
