{{ config(materialized='view') }}

-- Everything that speaks against calling a number; which of it counts, and in which order, is compliance_rules.
{{ phone_findings('call', other_channel='sms') }}
