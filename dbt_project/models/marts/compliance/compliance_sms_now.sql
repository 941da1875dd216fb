{{ config(materialized='view') }}

{{ verdicts_now('sms', ref('compliance_sms')) }}
