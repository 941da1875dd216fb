-- Tab, the whole name in one column as county rolls write it, joint owners in one row.
select case
        when organization_name is not null then upper(organization_name)
        when joint_id > 0 and layout % 2 = 0 then upper(last_name || ', ' || first_name || ' & ' || joint_first)
        when joint_id > 0 then upper(last_name || ' ' || first_name || ' & ' || joint_first)
        when layout % 10 < 6 then upper(last_name || ', ' || concat_ws(' ', first_name, middle_name, name_suffix))
        else upper(last_name || ' ' || concat_ws(' ', first_name, middle_name, name_suffix))
    end || chr(9) || coalesce(upper(concat_ws(' ', street_text_shown, line2)), '') || chr(9) || coalesce(upper(city), '') || chr(9)
    || coalesce(state, '') || chr(9) || coalesce(zip, '')
    || case when wrong_width = 1 then '' else chr(9)
        || case when bad_phone = 1 then bad_phone_text(layout) else phone_text(phone1, phone_style) end end || chr(10) as line
from observed
where file = 2
