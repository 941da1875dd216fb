-- Joint names of ordinary shape: a firm or two people, by how often the words are given names and surnames.
-- In:  hygiene_couples (names_couples_read.sql), hygiene.name_frequencies.
-- Out: hygiene_joint: a row for each party of those that are people. The rules are entities._is_firm and
--      person_names._joint.

create or replace temp table hygiene_joint as
with scored as (
    select
        c.*,
        f1.given_over_surname as surname_score,
        f2.given_over_surname as first_score,
        f3.given_over_surname as other_score,
        case shape
            when 'roll' then greatest(surname_score, first_score, other_score) <= 0
                or (surname_score < 0 and first_score < 0)
            when 'comma' then greatest(first_score, other_score) <= 0 and least(first_score, other_score) < 0
            else false
        end and initial is null and other_initial is null as is_firm,
        shape = 'roll' and surname_score - first_score > 3.0 as first_last
    from hygiene_couples as c
    inner join hygiene.name_frequencies as f1 on c.frequency_1 = f1.word
    inner join hygiene.name_frequencies as f2 on c.frequency_2 = f2.word
    inner join hygiene.name_frequencies as f3 on c.frequency_3 = f3.word
),

people as (
    select
        name_id,
        case when first_last then surname else first_name end as head_first,
        case when not first_last then initial when initial is not null then first_name end as head_middle,
        case when not first_last then surname when initial is not null then initial else first_name end as last_name,
        other_name,
        other_initial
    from scored
    where not is_firm
),

parties as (
    select
        name_id, 1::smallint as seq, 'owner' as role, head_first as first_name, head_middle as middle_name, last_name
    from people
    union all
    select name_id, 2::smallint, 'joint_owner', other_name, other_initial, last_name
    from people
)

select
    name_id, seq, role, 'person' as entity_type, first_name, middle_name, last_name,
    upper(first_name) as first_key,
    upper(last_name) as last_key
from parties;
