-- The parties of the names whose words no rule looks for.
-- In:  hygiene_read (names_read.sql), hygiene.name_words (every word of a rule, and the words of fillers),
--      hygiene.name_frequencies (given_over_surname of every frequency_1 and frequency_2), hygiene.mens_names.
-- Out: hygiene_persons: the input columns, the answer, whether it holds (`ordinary`), and whether it does but for an
--      organization beside the person (`is_person`).

create or replace temp table hygiene_persons as
with known as (
    select
        r.*,
        -- names.reads_last_first
        comma or coalesce(
            ends_in_initial and (frequency_2 is null or f1.given_over_surname - f2.given_over_surname <= 3.0),
            false
        ) as last_first,
        coalesce(candidate, false) and not coalesce(
            w1.special or w2.special or w3.special or w4.special or wh.special or wt.special
            or wp.filler or ws.filler,
            false
        ) as is_person,
        is_person and coalesce(organization, '') = '' as ordinary,
        coalesce(ws.generation, affix) as said_suffix
    from hygiene_read as r
    left join hygiene.name_words as w1 on r.word_1 = w1.word
    left join hygiene.name_words as w2 on r.word_2 = w2.word
    left join hygiene.name_words as w3 on r.word_3 = w3.word
    left join hygiene.name_words as w4 on r.word_4 = w4.word
    left join hygiene.name_words as wh on r.head = wh.word
    left join hygiene.name_words as wt on r.tail = wt.word
    left join hygiene.name_words as wp on r.title = wp.word
    left join hygiene.name_words as ws on r.affix = ws.word
    left join hygiene.name_frequencies as f1 on r.frequency_1 = f1.word
    left join hygiene.name_frequencies as f2 on r.frequency_2 = f2.word
)

select
    ordinary,
    is_person,
    case when not ordinary then {
        'name_id': name_id, 'full': "full", 'prefix': prefix, 'first': "first", 'middle': middle, 'last': "last",
        'suffix': suffix, 'organization': organization
    } end as given,
    name_id,
    1::smallint as seq,
    'owner' as role,
    'person' as entity_type,
    title as name_prefix,
    case when last_first then words[2] else words[1] end as first_name,
    nullif(array_to_string(case when last_first then words[3:n] else words[2:n - 1] end, ' '), '') as middle_name,
    case when last_first then words[1] else words[n] end as last_name,
    said_suffix as name_suffix,
    coalesce(m.wifes_key, translate(upper(first_name), '''-', '')) as first_key,
    translate(upper(last_name), '''-', '') as last_key
from known
left join hygiene.mens_names as m
    on title = 'MRS' and upper(case when last_first then words[2] else words[1] end) = m.word;
