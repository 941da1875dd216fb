-- Why two nodes are one: the seed's tiers (E2) and its 0-100 score, beside the probability. Nodes are whatever the
-- `compared_nodes` has (exact-tier components, or single persons).
-- In:  evidence_pairs(id_l, id_r, match_probability), compared_nodes (evidence_nodes.sql, evidence_persons.sql),
--      free_mail(domain).
-- Out: measured_pairs (with the points of each part of the score), evidence(id_l, id_r, match_probability, tier, score,
-- reason).
--
-- Tier 1 (100): same e-mail or phone. Tier 2 (90): same first and last name with the same ZIP or the same last seven
-- digits. Tier 3 (70): names within two edits and addresses 80 % alike, or one e-mail domain (not of a free mail
-- service) and names 85 % alike. Score: e-mail 40, phone 30, name 20 less 5 an edit, ZIP 10.
create or replace view measured_pairs as
with measured as (
    select
        x.id_l,
        x.id_r,
        x.match_probability,
        list_has_any(l.emails, r.emails) as same_email,
        list_has_any(l.phones, r.phones) as same_phone,
        list_has_any(list_transform(l.phones, lambda p: right(p, 7)), list_transform(r.phones, lambda p: right(p, 7)))
            as same_last_seven,
        coalesce(l.first_name = r.first_name and l.last_name = r.last_name or l.first_name is null and l.full_name = r.full_name, false)
            as same_name,
        list_has_any(l.zips, r.zips) as same_zip,
        list_has_any(l.identifiers, r.identifiers) as same_identifier,
        list_has_any(l.address_keys, r.address_keys) as same_address,
        coalesce(levenshtein(l.full_name, r.full_name), 99) as name_edits,
        coalesce(jaro_winkler_similarity(l.full_name, r.full_name), 0) as name_likeness,
        list_has_any(l.zips, r.zips) and coalesce(list_max(list_transform(l.streets, lambda s: list_max(
            list_transform(r.streets, lambda t: 1 - levenshtein(s, t) / greatest(length(s), length(t), 1))
        ))), 0) >= 0.8 as like_address,
        list_has_any(
            list_filter(list_transform(l.emails, lambda m: split_part(m, '@', 2)), lambda d: not list_contains(f.domains, d)),
            list_transform(r.emails, lambda m: split_part(m, '@', 2))
        ) as same_domain
    from evidence_pairs as x
    inner join compared_nodes as l on x.id_l = l.id
    inner join compared_nodes as r on x.id_r = r.id
    cross join (select list(domain) as domains from free_mail) as f
)
select
    *,
    same_email::integer * 40 as email_points,
    same_phone::integer * 30 as phone_points,
    case when name_edits <= 2 then 20 - 5 * name_edits else 0 end as name_points,
    same_zip::integer * 10 as zip_points
from measured;

create or replace table evidence as
select
    id_l,
    id_r,
    match_probability,
    case
        when same_email or same_phone then 1
        when same_name and (same_zip or same_last_seven) then 2
        when name_edits <= 2 and (same_address or like_address) or same_domain and name_likeness >= 0.85 then 3
    end as tier,
    (email_points + phone_points + name_points + zip_points)::decimal(5, 2) as score,
    coalesce(nullif(concat_ws(', ',
        case when same_email then 'same e-mail' end,
        case when same_phone then 'same phone' when same_last_seven then 'same last 7 digits' end,
        case when same_name then 'same name' when name_edits <= 2 then 'like name' when name_likeness >= 0.85 then 'similar name' end,
        case when same_address then 'same address' when like_address then 'like address' when same_zip then 'same ZIP' end,
        case when same_domain then 'same e-mail domain' end,
        case when same_identifier then 'same identifier' end
    ), ''), 'through another record') as reason
from measured_pairs;
