-- The words of joint names of ordinary shape. Who they are is decided in names_couples.sql.
-- In:  hygiene_read (names_read.sql), hygiene.name_words.
-- Out: hygiene_couples(name_id, shape, and the words as spelled): `roll` SMITH JOHN [A] & MARY [B], `comma` SMITH, JOHN
--      [A] & MARY [B], `shared` JOHN [A] & MARY [B] SMITH; no word is one that a rule looks for, no initial one that
--      may be a suffix or a particle. frequency_1 to frequency_3 are the words whose frequencies decide.
--      hygiene_words: all words of these names and of hygiene_read whose frequencies decide.

create or replace temp table hygiene_couples as
with matched as (
    select
        name_id,
        regexp_extract(
            "full",
            '^(?:([A-Za-z]{2,})(,?) )?([A-Za-z]{2,})(?: ([A-Za-z])\.?)? (?:&|[Aa][Nn][Dd]) '
            '([A-Za-z]{2,})(?: ([A-Za-z])\.?)?(?: ([A-Za-z]{2,}))?$',
            ['surname', 'comma', 'first', 'initial', 'other', 'other_initial', 'shared']
        ) as parts
    from hygiene_read
    where not coalesce(candidate, false)
        and (contains("full", ' & ') or contains(upper("full"), ' AND '))
        and length("full") <= 90
        and concat(organization, prefix, suffix) = ''
        and (coalesce("first", '') = '' or coalesce("last", '') = '')
),

shaped as (
    select
        name_id,
        case
            when parts.shared <> '' then 'shared'
            when parts.comma <> '' then 'comma'
            else 'roll'
        end as shape,
        case when parts.shared <> '' then parts.shared else parts.surname end as surname,
        parts.first as first_name,
        nullif(parts.initial, '') as initial,
        parts.other as other_name,
        nullif(parts.other_initial, '') as other_initial
    from matched
    where parts.first <> ''
        and (parts.surname = '') <> (parts.shared = '')
        and upper(parts.initial) not in ('O', 'V', 'Y')
        and upper(parts.other_initial) not in ('O', 'V', 'Y')
)

select
    s.*,
    upper(surname) as frequency_1,
    upper(first_name) as frequency_2,
    upper(other_name) as frequency_3
from shaped as s
anti join hygiene.name_words as w1 on upper(s.surname) = w1.word
anti join hygiene.name_words as w2 on upper(s.first_name) = w2.word
anti join hygiene.name_words as w3 on upper(s.other_name) = w3.word;

create or replace temp table hygiene_words as
select unnest([frequency_1, frequency_2]) as word
from hygiene_read
where frequency_1 is not null
union
select unnest([frequency_1, frequency_2, frequency_3])
from hygiene_couples;
