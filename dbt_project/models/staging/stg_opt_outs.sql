select
    id as opt_out_id,
    person_id,
    channel,
    phone_e164,
    email_key,
    address_key,
    name_zip_key,
    opted_out_at,
    reason,
    source,
    import_id,
    `row_number`
from {{ source('canonical', 'opt_outs') }}
