-- One in a hundred asked for something: a phone or an e-mail, a channel, a day, what they said.
select list_extract(['sms', 'call', 'email', 'all', 'sms'], (1 + layout % 5)::integer) || ','
    || case when layout % 5 = 2 then '' else phone_text(phone1, phone_style) end || ','
    || case when layout % 5 in (2, 3) then comma(email) else '' end || ',' || strftime(updated, '%Y-%m-%d') || ','
    || list_extract(['STOP', 'asked on the phone', 'unsubscribe', 'do not contact', 'Stop'], (1 + layout % 5)::integer) || chr(10) as line
from observed
where owner_number % 70 = 0
    and case when layout % 5 = 2 then email is not null and bad_email = 0 and mail = 1 else phone1 > 0 and bad_phone = 0 end
