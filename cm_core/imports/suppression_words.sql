-- What words of suppression lists and facts mean: channels, keys of facts.
create or replace macro channel_said(t) as case
    when lower(t) in ('all', 'any', 'every', '*', 'everything', 'all channels') then 'all'
    when lower(t) in ('call', 'calls', 'phone', 'voice', 'telephone', 'dnc') then 'call'
    when lower(t) in ('sms', 'text', 'texts', 'txt', 'mms', 'message') then 'sms'
    when lower(t) in ('email', 'e-mail', 'emails', 'e-mails') then 'email'
    when lower(t) in ('mail', 'postal', 'direct mail', 'letter', 'post') then 'mail'
end;

-- What a fact says: the same fact from another list, or without a date on another day, has the same key. What is blank
-- is blank in it too. `cm_core.compliance.contact_facts.fact_key` makes the same.
create or replace macro fact_key_of(fact, contact_kind, contact_key, channel, value, said_at, ends_at, source) as
    sha256(concat_ws(
        chr(31), fact, contact_kind, contact_key, channel, coalesce(value, ''),
        coalesce(strftime(said_at, '%Y-%m-%dT%H:%M:%S.%f'), ''),
        coalesce(strftime(ends_at, '%Y-%m-%dT%H:%M:%S.%f'), ''),
        lower(source)
    ));
