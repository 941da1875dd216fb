-- Every pair of rows that is one by the truth or by linkage. A row that linkage does not know is alone.
-- In:  truth(import_id, row_number, party_no, true_id, household, noise), source_*, and what linkage made of them:
--      exact_components, clusters, records, legal_records, candidates, scored, linked_humans, evidence.
-- Out: found (one row per row of truth), judged(id_l, id_r, is_true, is_found), explained (the wrong ones with their kind).
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

create or replace macro quality_text(person) as (
    select concat_ws(
        ' / ',
        (
            select coalesce(any_value(organization_key), concat_ws(' ',
                any_value(first_key), any_value(middle_name), any_value(last_key), any_value(name_suffix)))
            from source_parties where person_id = person
        ),
        (select string_agg(distinct concat_ws(' ', street, zip), ' + ') from source_addresses where person_id = person),
        (select any_value(date_of_birth)::varchar from source_parties where person_id = person),
        (select string_agg(distinct phone_e164, ' + ') from source_phones where person_id = person),
        (select string_agg(distinct email_key, ' + ') from source_emails where person_id = person)
    )
);
