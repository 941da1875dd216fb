-- One source row in six was written to, called, texted or e-mailed; one in nine of those under a number nobody here has.
select touch || ',' || strftime(date '2026-01-05' + (owner_number % 140)::integer, '%Y-%m-%d')
    || case when touch in ('call', 'sms') then format(' {:02d}:{:02d}', 9 + layout % 8, number % 60) else '' end || ','
    || case
        when touch not in ('call', 'sms') then ''
        when stranger then phone_text(phone1 // 10000 * 10000 + 100 + owner_number % 100, phone_style)
        else phone_text(phone1, phone_style)
    end || ','
    || case when touch = 'email' then comma(email) else '' end || ','
    || case when touch = 'mail' then comma(title(first_name)) || ',' || comma(title(last_name)) || ','
        || comma(concat_ws(' ', street_text_shown, line2)) || ',' || comma(city) || ',' || state || ',' || zip
        else ',,,,,' end || ','
    || list_extract(case touch
        when 'call' then ['answered', 'no answer', 'voicemail', 'wrong number']
        when 'mail' then ['sent', 'sent', 'sent', 'returned']
        else ['delivered', 'delivered', 'failed', 'sent'] end, (1 + number % 4)::integer) || ','
    || case touch when 'mail' then 'Lease Offer Letter' when 'sms' then 'S26-02' when 'call' then 'Royalty Follow-up Calls'
        else case when layout % 2 = 0 then 'Spring Newsletter' else 'Autumn Newsletter' end end || ','
    || case when touch = 'call' then (number % 400)::varchar else '' end || ','
    || case when touch in ('call', 'sms') then 'tp-' || file || '-' || row_number else '' end || chr(10) as line
from (
    select
        *,
        list_extract(['call', 'mail', 'sms', 'email'], (1 + owner_number % 4)::integer) as touch,
        owner_number % 9 = 0 as stranger
    from observed
    where wrong_width = 0 and (owner_number // 4) % 6 = 0
)
where case
    when touch in ('call', 'sms') then phone1 > 0 and bad_phone = 0
    when touch = 'email' then email is not null and bad_email = 0 and mail = 1
    else first_name is not null and last_name is not null and street is not null
end
order by position
