-- Comma, name and address in parts, two phones, date of birth.
select owner_number || ',' || case when layout % 6 = 0 and male = 1 then 'Mr' when layout % 6 = 0 then 'Ms' else '' end || ','
    || coalesce(cased(title(first_name), letter_case), '') || ',' || coalesce(cased(title(middle_name), letter_case), '') || ','
    || coalesce(cased(title(last_name), letter_case), '') || ',' || coalesce(name_suffix, '') || ','
    || comma(cased(street_text_shown, letter_case)) || ',' || coalesce(line2, '') || ',' || comma(cased(city, letter_case)) || ','
    || coalesce(state, '') || ',' || coalesce(zip || case when layout % 10 = 0 then '-' || lpad((number % 10000)::varchar, 4, '0') else '' end, '')
    || ',' || case when bad_phone = 1 then bad_phone_text(layout) else phone_text(phone1, phone_style) end || ','
    || phone_text(phone2, (phone_style + 3) % 10) || ',' || comma(email) || ',' || case when dob = -99999 then '' else us_day(dob) end
    || case when wrong_width = 1 then ',,x' else '' end || chr(10) as line
from observed
where file = 0
