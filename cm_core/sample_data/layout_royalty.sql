-- Pipe, companies with a contact person, an own date per row.
select owner_number || '|' || coalesce(cased(organization_name, letter_case), '') || '|'
    || case when contact_id > 0 then contact_first || ' ' || contact_last else '' end || '|'
    || coalesce(cased(concat_ws(' ', title(first_name), title(middle_name)), letter_case), '') || '|'
    || coalesce(cased(concat_ws(' ', title(last_name), name_suffix), letter_case), '') || '|'
    || coalesce(cased(concat_ws(' ', street_text_shown, line2), letter_case), '') || '|' || coalesce(cased(city, letter_case), '') || '|'
    || coalesce(state, '') || '|' || coalesce(zip, '') || '|'
    || case when bad_phone = 1 then bad_phone_text(layout) else phone_text(phone1, phone_style) end || '|'
    || phone_text(phone2, (phone_style + 3) % 10) || '|' || coalesce(email, '') || '|' || strftime(updated, '%Y-%m-%d')
    || case when wrong_width = 1 then '|x|y' else '' end || chr(10) as line
from observed
where file = 1
