-- ASCII dot-atom addresses at ordinary host names.
-- In:  hygiene_in(raw), hygiene.fillers, hygiene.mailboxes (names that are the same in any case).
-- Out: hygiene_answers: the input column, the answer, and whether it holds (`ordinary`).
-- The pattern is that of emails.py (_ORDINARY) without its look-aheads, which `ordinary` adds.

create or replace temp table hygiene_answers as
with split as (
    select
        raw,
        lower(raw) as email_key,
        split_part(raw, '@', 1) as mailbox,
        split_part(email_key, '@', 2) as host,
        length(raw) <= 63
            and regexp_full_match(
                raw,
                '[A-Za-z0-9_!#$%&''*+\-/=?^`{|}~]+(?:\.[A-Za-z0-9_!#$%&''*+\-/=?^`{|}~]+)*'
                '@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,63}'
            )
            and not regexp_matches(host, '\.(?:arpa|invalid|local|localhost|onion|test)$') as ordinary
    from hygiene_in
)

select
    coalesce(s.ordinary, false) as ordinary,
    case when not coalesce(s.ordinary, false) then {'raw': s.raw} end as given,
    s.raw,
    1 as seq,
    s.raw as email_raw,
    case when f.value is null then coalesce(m.mailbox, s.mailbox) || '@' || s.host end as email,
    s.email_key,
    case when f.value is not null then 'placeholder' end as invalid_reason
from split as s
left join hygiene.fillers as f on s.email_key = f.value and f.kind = 'email'
left join hygiene.mailboxes as m on lower(s.mailbox) = m.mailbox;
