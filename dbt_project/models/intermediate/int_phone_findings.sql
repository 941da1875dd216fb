{{ config(materialized="by_entity", indexes=[{"columns": ["entity_id", "contact_key"]}]) }}

-- Everything that speaks against calling or texting a number, but what concerns its whole area code
-- (int_area_findings) and calling hours. The channel `all` is both.
{%- set phones = ref('int_entity_phones') %}
{%- set channels = "('call', 'sms')" %}
with wireless as (

    select
        phones.entity_id,
        phones.contact_key,
        {{ always() }} as starts_at,
        {{ never() }} as ends_at,
        'phone_numbers: phone_type mobile' as evidence
    from {{ phones }} as phones
    where phones.phone_type = 'mobile' and {{ of_changed('phones.entity_id') }}
    union all
    -- A line is a line, whoever's row says what it is.
    select
        phones.entity_id,
        phones.contact_key,
        {{ always() }},
        {{ never() }},
        'phone_numbers: phone_type mobile, of somebody else who has it'
    from {{ phones }} as phones
    where phones.phone_type is null and {{ of_changed('phones.entity_id') }}
        and {{ mobile_elsewhere('phones') }}
    union all
    select
        facts.entity_id,
        facts.contact_key,
        facts.starts_at + interval (case when facts.value = 'ported' then coalesce((
            select min(cast(terms.value as unsigned))
            from {{ ref('compliance_terms') }} as terms
            where terms.term = 'wireless_port_grace' and terms.effective_from <= date(facts.starts_at)
                and (terms.effective_until is null or terms.effective_until > date(facts.starts_at))
        ), 0) else 0 end) day,
        (
            select min(later.starts_at)
            from {{ ref('int_entity_facts') }} as later
            where later.entity_id = facts.entity_id and later.contact_key = facts.contact_key
                and later.fact = 'wireless' and later.value = 'landline' and later.starts_at > facts.starts_at
        ),
        facts.evidence
    from {{ ref('int_entity_facts') }} as facts
    where facts.fact = 'wireless' and not (facts.value <=> 'landline') and facts.contact_key is not null
        and {{ of_changed('facts.entity_id') }}

),

rules_on as (

    select distinct reason_code from {{ ref('compliance_rules') }} where enabled = 1

)

select entity_id, contact_key, 'all' as channel, 'invalid_contact' as reason_code,
    {{ always() }} as starts_at, {{ never() }} as ends_at,
    concat('phone_numbers: ', coalesce(invalid_reason, 'no E.164 form')) as evidence
from {{ phones }}
where phone_e164 is null and {{ of_changed('entity_id') }}
union all
{{ opt_out_findings(phones, 'phone', 'phone_e164', channels) }}
union all
select phones.entity_id, phones.contact_key, case asked.channel when 'call' then 'sms' else 'call' end,
    'opt_out_other_channel', asked.opted_out_at,
    {{ consented_again('phones', "case asked.channel when 'call' then 'sms' else 'call' end", 'asked.opted_out_at') }},
    asked.evidence
from {{ phones }} as phones
inner join {{ ref('int_opt_outs_by_channel') }} as asked
    on asked.phone_e164 = phones.phone_e164
where asked.channel in {{ channels }} and {{ of_changed('phones.entity_id') }}
union all
select phones.entity_id, phones.contact_key, case asked.channel when 'call' then 'sms' else 'call' end,
    'opt_out_other_channel', asked.starts_at,
    {{ consented_again('phones', "case asked.channel when 'call' then 'sms' else 'call' end", 'asked.starts_at') }},
    asked.evidence
from {{ phones }} as phones
inner join {{ ref('int_entity_opt_outs') }} as asked
    on asked.entity_id = phones.entity_id and asked.channel in {{ channels }} and asked.is_certain = 1
where {{ of_changed('phones.entity_id') }}
union all
{{ fact_findings(phones, {
    'privacy_deletion': 'privacy_deleted', 'deceased': 'deceased', 'litigator': 'litigator',
    'reassigned': 'reassigned', 'opt_out_suspected': 'opt_out_suspected'
}, channels) }}
union all
select phones.entity_id, phones.contact_key, 'all', 'dnc_listed',
    coalesce(listings.listed_from, {{ always() }}), listings.removed_at,
    concat(
        'dnc_registry: ', listings.source, ' list', coalesce(concat(', listed ', listings.listing_date), ''),
        ', ', listings.last_import_id
    )
from {{ phones }} as phones
inner join {{ ref('stg_dnc_registry') }} as listings
    on listings.phone_e164 = phones.phone_e164
where {{ of_changed('phones.entity_id') }}
union all
select phones.entity_id, phones.contact_key, 'all', 'outside_us', {{ always() }}, {{ never() }},
    concat('phone_numbers: region ', coalesce(phones.region, 'unknown'))
from {{ phones }} as phones
left join {{ ref('int_area_codes') }} as codes
    on codes.area_code = {{ area_code_of('phones') }}
where {{ of_changed('phones.entity_id') }}
    and (
        phones.phone_e164 not like '+1%'
        or (codes.kind <> 'toll_free' and codes.country not in {{ us_regions() }})
        or (coalesce(codes.kind, '') <> 'toll_free' and phones.region not in {{ us_regions() }})
    )
union all
select phones.entity_id, phones.contact_key, reasons.channel, reasons.reason_code, {{ always() }}, {{ never() }},
    concat('phone_numbers: area code ', codes.area_code, ' is toll-free')
from {{ phones }} as phones
inner join {{ ref('int_area_codes') }} as codes
    on codes.area_code = {{ area_code_of('phones') }} and codes.kind = 'toll_free'
inner join (
    select 'all' as channel, 'toll_free' as reason_code
    union all
    select 'sms', 'not_textable'
) as reasons
    on 1 = 1
where {{ of_changed('phones.entity_id') }}
union all
select entity_id, contact_key, 'all', 'fax_number', {{ always() }}, {{ never() }}, 'phone_numbers: phone_type fax'
from {{ phones }}
where phone_type = 'fax' and {{ of_changed('entity_id') }}
union all
select entity_id, contact_key, 'sms', 'not_textable', {{ always() }}, {{ never() }},
    case
        when extension is not null then concat('phone_numbers: extension ', extension)
        else concat('phone_numbers: phone_type ', phone_type)
    end
from {{ phones }}
where (extension is not null or phone_type = 'landline') and {{ of_changed('entity_id') }}
union all
select phones.entity_id, phones.contact_key, 'sms', 'line_type_unknown', {{ always() }}, {{ never() }},
    'phone_numbers: no phone_type'
from {{ phones }} as phones
inner join rules_on
    on rules_on.reason_code = 'line_type_unknown'
where phones.phone_e164 is not null and phones.phone_type is null and {{ of_changed('phones.entity_id') }}
    and not {{ mobile_elsewhere('phones') }}
    and not exists (
        select 1 from {{ ref('int_entity_facts') }} as facts
        where facts.entity_id = phones.entity_id and facts.fact = 'wireless' and facts.contact_key = phones.contact_key
    )
union all
select wireless.entity_id, wireless.contact_key, 'all', 'wireless_no_consent', wireless.starts_at, wireless.ends_at,
    wireless.evidence
from wireless
inner join rules_on
    on rules_on.reason_code = 'wireless_no_consent'
union all
select wireless.entity_id, wireless.contact_key, 'all', 'wireless_state',
    greatest(wireless.starts_at, cast(states.effective_from as datetime(6))),
    {{ earlier_end('wireless.ends_at', 'states.effective_until') }},
    concat(wireless.evidence, '; wireless_states: ', states.state)
from wireless
inner join {{ phones }} as phones
    on phones.entity_id = wireless.entity_id and phones.contact_key = wireless.contact_key
left join {{ ref('int_entity_places') }} as homes
    on homes.entity_id = wireless.entity_id
left join {{ ref('int_area_codes') }} as codes
    on codes.area_code = {{ area_code_of('phones') }}
inner join {{ ref('wireless_states') }} as states
    on {{ may_be_in('states.state') }}
    and (states.effective_until is null or wireless.starts_at < states.effective_until)
    and (wireless.ends_at is null or states.effective_from < wireless.ends_at)
union all
select phones.entity_id, phones.contact_key, 'all', 'state_list_not_held',
    cast(lists.effective_from as datetime(6)),
    {{ earlier_end('held.obtained_at', 'lists.effective_until') }},
    concat('dnc_list_versions: no list ', lists.list)
from {{ phones }} as phones
inner join rules_on
    on rules_on.reason_code = 'state_list_not_held'
left join {{ ref('int_entity_places') }} as homes
    on homes.entity_id = phones.entity_id
left join {{ ref('int_area_codes') }} as codes
    on codes.area_code = {{ area_code_of('phones') }}
inner join {{ ref('state_lists') }} as lists
    on {{ may_be_in('lists.state') }}
left join (
    select versions.source, min(versions.obtained_at) as obtained_at
    from {{ ref('stg_dnc_list_versions') }} as versions
    where versions.status = 'IN_FORCE'
    group by versions.source
) as held
    on held.source = lists.list
where (held.obtained_at is null or lists.effective_from < held.obtained_at)
    and phones.phone_e164 like '+1%' and coalesce(codes.kind, '') <> 'toll_free'
    and {{ of_changed('phones.entity_id') }}
union all
select phones.entity_id, phones.contact_key, 'all', 'estate_hold', {{ always() }}, {{ never() }},
    concat('persons: a member of entity ', people.entity_id, ' is an estate')
from {{ phones }} as phones
inner join {{ ref('int_golden_persons') }} as people
    on people.entity_id = phones.entity_id
where people.has_estate_member = 1 and {{ of_changed('phones.entity_id') }}
union all
select phones.entity_id, phones.contact_key, 'all', 'trust_hold', {{ always() }}, {{ never() }},
    concat('persons: a member of entity ', people.entity_id, ' is a trust')
from {{ phones }} as phones
inner join {{ ref('int_golden_persons') }} as people
    on people.entity_id = phones.entity_id
where people.has_trust_member = 1 and {{ of_changed('phones.entity_id') }}
union all
{{ shared_contact_findings(phones, 'phone', 'phone_e164') }}
union all
{{ frequency_findings(phones, channels, True) }}
