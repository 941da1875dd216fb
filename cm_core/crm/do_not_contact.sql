-- Channels that are closed to persons.
-- In:  said(entity_id, said, channel, kind, contact_key, at, ends_at, holders), blocks(said, channel),
--      other_channels(channel, asked_on); parameter at.
-- Out: do_not_contact(entity_id, channels, reasons).
create or replace table do_not_contact as
with asked as (
    select s.*
    from said as s
    where s.said = 'opt_out' and s.at <= $at
        -- Only the contact point that asked can consent again, and a person that asked by none cannot. What was asked at
        -- 00:00 sharp is of a day, nobody knows when: only a later day's consent is later.
        and not exists (
            select 1
            from said as again
            where again.said = 'reconsent' and again.entity_id = s.entity_id and again.kind = s.kind
                and again.contact_key = s.contact_key and again.at > s.at and again.at <= $at
                and s.at <> date_trunc('day', again.at)
                and again.channel in (s.channel, 'all')
        )
),

facts as (
    select s.*
    from said as s
    where s.said not in ('opt_out', 'reconsent') and s.at <= $at and (s.ends_at is null or s.ends_at > $at)
        and (s.said = 'litigator' or s.holders is null or s.holders = 1)
),

closed as (
    select a.entity_id, b.channel, a.said
    from asked as a
    inner join blocks as b on a.said = b.said and a.channel in (b.channel, 'all')
    union
    select a.entity_id, o.channel, a.said
    from asked as a
    inner join other_channels as o on a.channel = o.asked_on
    union
    select f.entity_id, b.channel, f.said
    from facts as f
    inner join blocks as b on f.said = b.said and f.channel in (b.channel, 'all')
)

select entity_id, list_sort(list(distinct channel)) as channels, list_sort(list(distinct said)) as reasons
from closed
group by entity_id;
