{{ config(materialized='view') }}

{{ verdicts_now('call', ref('compliance_call')) }}
