-- What words of campaign and contact history mean: channels, directions, moments, and names that are compared.
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

-- A year of two digits is told by its form: DuckDB reads 26 as the year 26.
create or replace macro moment_of(t) as case
    when regexp_matches(t, '^\d{1,2}[/-]\d{1,2}[/-]\d{2}(\D|$)') then try_strptime(replace(t, '-', '/'), [
        '%m/%d/%y', '%m/%d/%y %H:%M:%S', '%m/%d/%y %H:%M', '%m/%d/%y %I:%M:%S %p', '%m/%d/%y %I:%M %p', '%m/%d/%y %I:%M%p'
    ])
    else coalesce(
        try_strptime(t, [
            '%Y-%m-%d', '%m/%d/%Y', '%Y%m%d', '%m-%d-%Y', '%d-%b-%Y', '%b %d, %Y', '%B %d, %Y',
            '%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%d %H:%M', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p',
            '%Y-%m-%dT%H:%M:%S', '%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S.%fZ',
            '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %H:%M', '%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y %I:%M %p', '%m/%d/%Y %I:%M%p',
            '%a %m/%d/%Y %I:%M %p', '%b %d, %Y %I:%M %p', '%b %d, %Y %H:%M', '%B %d, %Y %I:%M %p'
        ]),
        try_cast(t as timestamptz)::timestamp
    )
end;

-- Codes and names of campaigns are compared in upper case, blanks squeezed.
create or replace macro comparable(t) as upper(trim(regexp_replace(t, '\s+', ' ', 'g')));
