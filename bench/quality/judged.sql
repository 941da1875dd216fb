-- Every pair of rows that is one by the truth or by linkage. A row that linkage does not know is alone.
-- In:  truth(import_id, row_number, party_no, true_id, household, noise), source_*, and what linkage made of them:
--      exact_components, clusters, records, legal_records, candidates, scored, linked_humans, evidence.
-- Out: found (one row per row of truth), judged(id_l, id_r, is_true, is_found), explained (the wrong ones with their kind),
--      shown(id, text).
create or replace table found as
select
    row_number() over (order by t.import_id, t.row_number, t.party_no) as id,
    t.*,
    p.person_id,
    x.component,
    coalesce(c.cluster, -row_number() over ()) as cluster
from truth as t
left join source_parties as p using (import_id, row_number, party_no)
left join exact_components as x on p.person_id = x.id
left join clusters as c using (person_id);

create or replace table judged as
select l.id as id_l, r.id as id_r, true as is_true, l.cluster = r.cluster as is_found
from found as l
inner join found as r on l.true_id = r.true_id and l.id < r.id
union all
select l.id, r.id, false, true
from found as l
inner join found as r on l.cluster = r.cluster and l.id < r.id and l.true_id <> r.true_id;

create or replace table explained as
with wrong as (
    select
        j.is_true,
        l.id as id_l,
        r.id as id_r,
        l.household = r.household as same_household,
        l.person_id is null or r.person_id is null as is_lost,
        least(l.component, r.component) as id_1,
        greatest(l.component, r.component) as id_2
    from judged as j
    inner join found as l on j.id_l = l.id
    inner join found as r on j.id_r = r.id
    where j.is_true <> j.is_found
),
legal as (
    select unique_id from legal_records
),
humans as (
    select unique_id from records
)
select
    w.id_l,
    w.id_r,
    case
        when not w.is_true then 'joined: '
            || case when w.id_1 = w.id_2 then 'an exact key' when e.id_l is not null then 'the model' else 'through another row' end
            || case when w.same_household then ', one household' else '' end
        when w.is_lost then 'missed: a row was rejected'
        when (h1.unique_id is null) <> (h2.unique_id is null) then 'missed: only one was read as a person with a surname'
        when h1.unique_id is null then 'missed: names or places of organisations differ'
        when c.join_key_l is null then 'missed: never compared'
        when s.unique_id_l is null then 'missed: probability too low'
        when k.id_l is null then 'missed: likely, but refused by a rule'
        else 'missed: refused for another row of the cluster'
    end as kind
from wrong as w
left join evidence as e on w.id_1 = e.id_l and w.id_2 = e.id_r
left join humans as h1 on w.id_1 = h1.unique_id
left join humans as h2 on w.id_2 = h2.unique_id
left join candidates as c on w.id_1 = c.join_key_l and w.id_2 = c.join_key_r
left join scored as s on w.id_1 = s.unique_id_l and w.id_2 = s.unique_id_r
left join linked_humans as k on w.id_1 = k.id_l and w.id_2 = k.id_r;

-- What linkage knew of the rows of wrong pairs.
create or replace table shown as
with wanted as (
    select f.id, f.person_id
    from found as f
    where f.id in (select id_l from explained union select id_r from explained)
),
named as (
    select person_id, any_value(coalesce(organization_key, concat_ws(' ', first_key, upper(middle_name), last_key, upper(name_suffix)))) as name,
        any_value(date_of_birth)::varchar as born
    from source_parties group by person_id
),
placed as (
    select person_id, string_agg(distinct concat_ws(' ', street, zip), ' + ') as places from source_addresses group by person_id
),
phoned as (
    select person_id, string_agg(distinct phone_e164, ' + ') as phones from source_phones group by person_id
),
mailed as (
    select person_id, string_agg(distinct email_key, ' + ') as emails from source_emails group by person_id
)
select w.id, coalesce(nullif(concat_ws(' / ', n.name, a.places, n.born, p.phones, m.emails), ''), 'a rejected row') as text
from wanted as w
left join named as n using (person_id)
left join placed as a using (person_id)
left join phoned as p using (person_id)
left join mailed as m using (person_id);
