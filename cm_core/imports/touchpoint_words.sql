-- What words of campaign and contact history mean: channels, directions, and names that are compared.
create or replace macro channel_of(t) as case
    when regexp_matches(lower(t), 'e-?mail|newsletter') then 'email'
    when regexp_matches(lower(t), '\b(sms|mms|texts?|txt|rcs)\b|text ?message|text ?blast') then 'sms'
    when regexp_matches(lower(t), '\b(calls?|called|voice|phone|telephone|dial\w*|rvm)\b|ringless|voice ?mail') then 'call'
    when regexp_matches(lower(t), '\b(mail|mailer|mailing|mailed|letters?|post|postal|postcards?|flyer|usps)\b') then 'mail'
end;

create or replace macro direction_word(t) as case
    when regexp_matches(lower(t), '^(in|i)$|inbound|incoming|received') then 'inbound'
    when regexp_matches(lower(t), '^(out|o)$|outbound|outgoing|sent|placed') then 'outbound'
end;

create or replace macro direction_of(direction, kind, fallback) as
    coalesce(direction_word(direction), direction_word(kind), fallback);

-- Codes and names of campaigns are compared in upper case, blanks squeezed.
create or replace macro comparable(t) as upper(trim(regexp_replace(t, '\s+', ' ', 'g')));
