-- Comma, a residential and a mailing address, date of birth.
select coalesce(cased(title(first_name), letter_case), '') || ',' || coalesce(cased(title(middle_name), letter_case), '') || ','
    || coalesce(cased(title(last_name), letter_case), '') || ',' || coalesce(name_suffix, '') || ','
    || case when dob = -99999 then '' else day(dob) end || ','
    || comma(cased(concat_ws(' ', street_text_shown, line2), letter_case)) || ',' || comma(cased(city, letter_case)) || ',' || coalesce(state, '')
    || ',' || coalesce(zip, '') || ','
    || case when box > 0 and city is not null
        then 'PO Box ' || box || ',' || comma(city) || ',' || state || ',' || coalesce(zip, '') else ',,,' end || ','
    || case when bad_phone = 1 then bad_phone_text(layout) else phone_text(phone1, phone_style) end
    || case when wrong_width = 1 then ',,' else '' end || chr(10) as line
from observed
where file = 3
