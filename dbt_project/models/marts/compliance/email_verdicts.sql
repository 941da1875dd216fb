{{ config(indexes=verdict_indexes()) }}

{{ verdicts('email', ref('int_entity_emails'), ref('int_email_findings'),
    contact='coalesce(contacts.email, contacts.contact_key)', extra=['is_verified']) }}
