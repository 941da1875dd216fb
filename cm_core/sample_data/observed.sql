-- One row per source row with the values as this source has them (typos and all), before any layout is chosen.
-- Input: `drawn`, numbers and pool texts of one chunk. Null is an empty field.
create or replace temp table observed as
with named as (
    select
        *,
        typo(first_text, first_typo) as typed_first,
        typo(last_text, last_typo) as typed_last,
        case middle_shown when 1 then substr(middle_text, 1, 1) when 2 then middle_text end as typed_middle,
        list_extract([null, 'Sr', 'Jr', 'III'], (suffix + 1)::integer) as suffix_text,
        case when org_word >= 0 then word_text else org_last end as org_base,
        phone_typo > 0 and phone1 > 0 as wrong_digit
    from drawn
),
spelled as (
    select
        * exclude (street, unit, zip)
        replace (case when wrong_digit then phone1 // 10 * 10 + (phone1 + 1 + phone_typo % 9) % 10 else phone1 end as phone1),
        case
            when nameless = 1 or role >= 4 and role <= 6 then null
            when swapped = 1 then typed_last
            when initial = 1 then substr(typed_first, 1, 1)
            else typed_first
        end as first_name,
        case when nameless = 1 or role >= 4 and role <= 6 then null when swapped = 1 then typed_first else typed_last end
            as last_name,
        case when nameless = 0 and (role < 4 or role = 7) then typed_middle end as middle_name,
        case when nameless = 0 and (role < 4 or role = 7) then suffix_text end as name_suffix,
        case role
            when 6 then case when layout % 9 = 0 and contains(kind_text, '&')
                then replace(org_base || ' ' || kind_text, '&', 'and') else org_base || ' ' || kind_text end
                || case when layout % 11 = 0 then '' when layout % 3 = 0 and form_text <> 'LP' then ', ' || form_text
                    else ' ' || form_text end
            when 4 then case when layout % 5 = 0 then 'The ' else '' end
                || case trust_kind
                    when 0 then last_text || ' Family'
                    when 1 then trust_first || ' ' || last_text || ' Revocable'
                    else trust_first || ' ' || last_text || ' Living'
                end || case when layout % 7 = 0 then ' Tr' else ' Trust' end
            when 5 then case when layout % 4 = 0 then first_text || ' ' || last_text || ' Estate'
                else 'Estate of ' || first_text || ' ' || last_text end
        end as organization_name,
        case when no_address = 1 then null
            when kind = 1 then 'PO Box ' || number
            when kind = 2 then 'RR ' || (1 + number % 5) || ' Box ' || (number // 10)
            else concat_ws(' ', number::varchar, nullif(direction_text, ''), typo(street_text, street_typo), type_text)
        end as street,
        case when no_address = 0 and kind = 0 and unit > 0 then unit end as unit,
        case when no_address = 0 then city_text end as city,
        case when no_address = 0 then state_text end as state,
        case when no_address = 0 then case when zip_typo > 0
            then substr(zip_text, 1, 3) || lpad((zip_typo % 100)::varchar, 2, '0') else zip_text end end as zip
    from named
)
select
    position, file, row_number, id, household, role, joint_id, contact_id, owner_number, male, layout, letter_case,
    wrong_width, bad_phone, bad_email, mail, box, number, dob, phone1, phone2, phone_style,
    first_name, middle_name, last_name, name_suffix, organization_name, joint_first, contact_first, contact_last,
    street, city, state, zip,
    case when street is null then null when kind > 0 then street else
        case when layout % 3 = 0
            then concat_ws(' ', number::varchar, nullif(direction_long, ''), typo(street_text, street_typo), type_long)
            else street end end as street_text_shown,
    case when unit is not null then case layout % 3 when 0 then 'Apt ' when 1 then '#' else 'Unit ' end || unit end as line2,
    case when nameless = 1 and mail = 0 and phone1 = 0 then 1 else 0 end as nobody,
    case
        when mail = 0 then null
        when mail = 2 then case when layout % 2 = 0 then 'none@none.com' else 'noemail@noemail.com' end
        when bad_email = 1 then lower(mail_first) || '.' || lower(mail_last) || case when layout % 2 = 0 then '@' else ' at gmail' end
        else typo(case mail_style
            when 0 then lower(mail_first) || '.' || lower(mail_last) || mail_number
            when 1 then substr(lower(mail_first), 1, 1) || lower(mail_last) || mail_number
            when 2 then lower(mail_last) || lower(mail_first) || mail_number
            when 3 then lower(mail_first) || mail_number
            else lower(mail_first) || '_' || lower(mail_last) || mail_number
        end, email_typo) || '@' || case when role = 6 and mail_style > 2 then replace(lower(org_base), ' ', '') || '.com' else domain_text end
    end as email,
    date '2026-06-30' - age_days::integer as updated,
    concat_ws(' ', title(first_name), title(middle_name), title(last_name), name_suffix) as natural_name,
    -- What is hard about the row, for the truth file.
    concat_ws(
        ' ',
        case when last_name is not null and (typed_first <> first_text or typed_last <> last_text) then 'name_typo' end,
        case when nickname = 1 and last_name is not null then 'nickname' end,
        case when initial = 1 and last_name is not null then 'initial' end,
        case when swapped = 1 and last_name is not null then 'swapped' end,
        case when other_surname = 1 and last_name is not null then 'changed_surname' end,
        case when nameless = 1 then 'nameless' end,
        case when moved = 1 and no_address = 0 then 'moved' end,
        case when no_address = 1 then 'no_address' end,
        case when street_typo > 0 and no_address = 0 and kind = 0 then 'street_typo' end,
        case when zip_typo > 0 and no_address = 0 then 'zip_typo' end,
        case when wrong_digit then 'phone_typo' end,
        case when email_typo > 0 and mail = 1 then 'email_typo' end,
        case when office_line = 1 then 'shared_phone' end,
        case when suffix_lost = 1 then 'suffix_lost' end,
        case when joint_id > 0 then 'joint_owners' end,
        case household_kind when 4 then 'junior_and_senior' when 5 then 'trust_beside_trustee' when 6 then 'estate'
            when 7 then 'company_with_contact' end
    ) as noise
from spelled;
