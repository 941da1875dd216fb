-- Golden records as the CRM is to have them, one row each.
-- In:  golden, phones, emails, addresses, verdicts, do_not_contact (population_statements, do_not_contact.sql).
-- Out: ours(entity_id, entity_type, name, name_at, address, address_at, phones, emails, do_not_contact, reasons,
--      cm_call, cm_text, cm_email, cm_mail, checked_at).
create or replace table ours as
with said as (
    -- Of several contact points one that may be used speaks, the one to use first before the others.
    select
        entity_id,
        channel,
        checked_at,
        case
            when verdict in ('allowed', 'wait') then 'Yes: ' || contact
            when verdict = 'review' then 'Ask first: ' || reason
            else 'No: ' || reason
        end as words
    from verdicts
    qualify row_number() over (
        partition by entity_id, channel
        order by verdict in ('allowed', 'wait') desc, is_primary desc, verdict = 'review' desc, contact
    ) = 1
),

words as (
    select
        entity_id,
        max(words) filter (channel = 'call') as cm_call,
        max(words) filter (channel = 'sms') as cm_text,
        max(words) filter (channel = 'email') as cm_email,
        max(words) filter (channel = 'mail') as cm_mail,
        min(checked_at) as checked_at
    from said
    group by entity_id
),

numbers as (
    select
        entity_id,
        list(
            {key: contact_key, e164: phone_e164, extension: extension, kind: phone_type, first: is_primary = 1}
            order by is_primary desc, source_date desc, contact_key
        ) as phones
    from phones
    group by entity_id
),

mailboxes as (
    select
        entity_id,
        list({key: contact_key, email: email, first: is_primary = 1} order by is_primary desc, source_date desc, contact_key)
            as emails
    from emails
    group by entity_id
)

select
    g.entity_id,
    g.entity_type,
    g.display_name as name,
    g.name_source_date as name_at,
    a.address,
    a.source_date as address_at,
    coalesce(n.phones, []) as phones,
    coalesce(m.emails, []) as emails,
    coalesce(d.channels, []) as do_not_contact,
    coalesce(d.reasons, []) as reasons,
    coalesce(w.cm_call, 'No: no number is known') as cm_call,
    coalesce(w.cm_text, 'No: no number is known') as cm_text,
    coalesce(w.cm_email, 'No: no e-mail address is known') as cm_email,
    coalesce(w.cm_mail, 'No: no postal address is known') as cm_mail,
    w.checked_at
from golden as g
left join numbers as n on n.entity_id = g.entity_id
left join mailboxes as m on m.entity_id = g.entity_id
left join addresses as a on a.entity_id = g.entity_id
left join words as w on w.entity_id = g.entity_id
left join do_not_contact as d on d.entity_id = g.entity_id;
