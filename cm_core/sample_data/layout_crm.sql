-- Comma, whole name and whole address in one column each.
select comma(case
        when organization_name is not null then organization_name
        when joint_id > 0 then title(first_name) || case when layout % 2 = 0 then ' & ' else ' and ' end
            || joint_first || ' ' || title(last_name)
        else natural_name
    end) || ',' || comma(email) || ',' || case when bad_phone = 1 then bad_phone_text(layout) else phone_text(phone1, phone_style) end
    || ',' || phone_text(phone2, (phone_style + 3) % 10) || ','
    || case when street is null then '' else '"' || concat_ws(' ', street_text_shown, line2) || ', ' || city || ', ' || state || ' ' || zip || '"' end
    || case when wrong_width = 1 then ',,,' else '' end || chr(10) as line
from observed
where file = 4
