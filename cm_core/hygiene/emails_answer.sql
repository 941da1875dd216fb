-- ASCII dot-atom addresses at ordinary host names, also with a full stop behind; words that are plainly no address.
-- In:  hygiene_in(raw), hygiene.fillers, hygiene.mailboxes (names that are the same in any case).
-- Out: hygiene_answers: the input column, the answer, and whether it holds (`ordinary`).
-- The pattern is that of emails.py (_ORDINARY) without its look-aheads, which `ordinary` adds.

create or replace temp table hygiene_answers as
with split as (
    select
        raw,
        rtrim(raw, '.') as address,
        lower(address) as folded,
        split_part(address, '@', 1) as mailbox,
        split_part(folded, '@', 2) as host,
        case
            when length(raw) > 200 then null
            when length(address) <= 63
                and regexp_full_match(
                    address,
                    '[A-Za-z0-9_!#$%&''*+\-/=?^`{|}~]+(?:\.[A-Za-z0-9_!#$%&''*+\-/=?^`{|}~]+)*'
                    '@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,63}'
                )
                and not regexp_matches(host, '\.(?:arpa|invalid|local|localhost|onion|test)$')
                then 'address'
            -- Words before the @, which no address may have outside quotes.
            when regexp_full_match(raw, '[A-Za-z0-9_]+(?: [A-Za-z0-9_]+)+@[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*') then 'syntax'
            when regexp_full_match(raw, '[A-Za-z0-9._-]+(?: [A-Za-z0-9._-]+)*') then 'no_at'
        end as shape
    from hygiene_in
)

select
    s.shape is not null and (s.shape <> 'no_at' or b.value is null) as ordinary,
    case when not ordinary then {'raw': s.raw} end as given,
    s.raw,
    1 as seq,
    s.raw as email_raw,
    case when s.shape = 'address' and f.value is null then coalesce(m.mailbox, s.mailbox) || '@' || s.host end as email,
    case when s.shape <> 'address' or (f.value is not null and s.raw <> s.address) then s.raw else s.folded end as email_key,
    case when s.shape <> 'address' then s.shape when f.value is not null then 'placeholder' end as invalid_reason
from split as s
left join hygiene.fillers as f on s.shape = 'address' and s.folded = f.value and f.kind = 'email'
left join hygiene.fillers as b on s.shape = 'no_at' and lower(s.raw) = b.value and b.kind = 'blank'
left join hygiene.mailboxes as m on s.shape = 'address' and lower(s.mailbox) = m.mailbox;
