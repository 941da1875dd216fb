-- The words of the names that may be ordinary persons. What decides about them is in names_answer.sql.
-- In:  hygiene_in(name_id, full, prefix, first, middle, last, suffix, organization).
-- Out: hygiene_read: the same, and for a name of a known shape (shape is not null) its words as spelled and in upper
--      case, the number of them that are names, the suffix, the words to look up, and the two whose frequencies tell
--      LAST FIRST I from FIRST LAST I.
-- Shapes: `whole` as in names._ordinary, with or without a comma after the surname; `parts` as in
-- names.parse_name_parts with both a first and a last name; with a word or none as prefix and as suffix. ASCII letters, single spaces, a period after an initial,
-- at most one hyphen or apostrophe.

create or replace temp table hygiene_read as
with shaped as (
    select
        *,
        regexp_full_match(coalesce(prefix, ''), '(?:[A-Za-z]{1,18}\.?)?')
            and regexp_full_match(coalesce(suffix, ''), '(?:[A-Za-z0-9]{1,18}\.?)?') as has_affixes,
        case
            when coalesce("first", '') <> '' and coalesce("last", '') <> '' then case
                when length("first") + length("last") + length(coalesce(middle, '')) <= 90
                    and regexp_full_match("first", '[A-Za-z]|[A-Za-z]{2,}(?: (?:[A-Za-z]\.?|[A-Za-z]{2,}))?')
                    and regexp_full_match(coalesce(middle, ''), '(?:[A-Za-z]\.?|[A-Za-z]{2,})?')
                    and regexp_full_match(
                        "last", '[A-Za-z]{2,}(?: (?:[JjSs][Rr]\.?|[Ii]{2,3}|[Ii][Vv]))?|[A-Za-z]+[''-][A-Za-z]+'
                    )
                    and has_affixes
                    then 'parts'
            end
            when length("full") <= 90
                and regexp_full_match(
                    "full",
                    '(?:[A-Za-z]\.?|[A-Za-z]{2,},?|[A-Za-z]+[''-][A-Za-z]+,?)'
                    '(?: (?:[A-Za-z]\.?|[A-Za-z]{2,}|[A-Za-z]+[''-][A-Za-z]+|[JjSs][Rr]\.)){1,4}'
                )
                and has_affixes
                then 'whole'
        end as shape,
        shape = 'whole' and contains("full", ',') as comma,
        case shape
            when 'whole' then translate("full", '.,', '')
            when 'parts' then replace(concat_ws(' ', "first", nullif(middle, ''), "last"), '.', '')
        end as plain
    from hygiene_in
),

split as (
    select
        *,
        string_split(plain, ' ') as words,
        string_split(upper(plain), ' ') as uppers,
        len(words) > 2 and uppers[-1] in ('JR', 'SR', 'II', 'III', 'IV')
            and (shape = 'whole' or contains("last", ' ')) as ends_in_suffix,
        len(words) - ends_in_suffix::integer as n,
        regexp_extract(upper(plain), '([A-Z]+)[''-]([A-Z]+)', ['head', 'tail']) as pieces
    from shaped
),

placed as (
    select
        *,
        case
            when coalesce(suffix, '') <> '' then upper(replace(suffix, '.', ''))
            when ends_in_suffix then uppers[-1]
        end as affix,
        shape = 'whole' and not comma and n > 2 and length(uppers[n]) = 1 as ends_in_initial,
        -- An initial that only some phrase of several words has (A SINGLE MAN, H & W) or that is a suffix or particle
        -- elsewhere, where it can be nothing but an initial: after the first name, and a name beside it.
        case
            when shape = 'parts' then n > 2 and uppers[2] in ('A', 'H', 'V', 'W', 'Y')
            when n = 3 and not comma and length(uppers[1]) > 1 and length(uppers[3]) > 1
                then uppers[2] in ('A', 'H', 'V', 'W', 'Y')
        end as second_is_initial,
        case
            when shape = 'parts' then n > 3 and uppers[3] in ('A', 'H', 'V', 'W', 'Y')
            when n = 3 and length(uppers[1]) > 1 and length(uppers[2]) > 1
                then uppers[3] in ('A', 'H', 'W') or (comma and uppers[3] in ('V', 'Y'))
        end as third_is_initial
    from split
)

select
    name_id, "full", prefix, "first", middle, "last", suffix, organization,
    shape, comma, words, uppers, n, affix, ends_in_initial,
    -- Words to look up; a word that is left out cannot matter.
    uppers[1] as word_1,
    case when not coalesce(second_is_initial, false) then uppers[2] end as word_2,
    case when n > 2 and not coalesce(third_is_initial, false) then uppers[3] end as word_3,
    case when n > 3 then uppers[4] end as word_4,
    nullif(pieces.head, '') as head,
    nullif(pieces.tail, '') as tail,
    nullif(upper(replace(prefix, '.', '')), '') as title,
    case
        when shape is null or (ends_in_suffix and coalesce(suffix, '') <> '') then false
        when shape = 'parts' then not regexp_matches(upper(plain), '\b[A-Z] [A-Z] [A-Z]\b')
        else n between 2 and 4
            and (ends_in_suffix is false or not (length(uppers[n]) = 1 and not comma))
            and (comma or words[n - 1] not in ('O', 'o', 'Oo')) -- JOHN O MEARA
            and (comma or length(uppers[n]) > 1 or length(uppers[1]) > 1)
    end
    and (pieces.head = '' or (
        pieces.tail <> 'S' and not regexp_matches(plain, '[''-].*[''-]') and not regexp_matches(
            upper(plain), '\b[A-Z] [A-Z] [A-Z]\b'
        )
    )) as candidate,
    case when ends_in_initial then uppers[1] end as frequency_1,
    case when ends_in_initial then
        case when n = 4 and length(uppers[3]) > 1 then uppers[3] when length(uppers[2]) > 1 then uppers[2] end
    end as frequency_2
from placed;
