-- Dates and times of lists, as they are written. No default, and no time of day that is not there: midnight.
-- A year of two digits is told by its form: DuckDB reads the year of 2/2/41 as 41. It is one from 1969 to 2068.
-- What has no digit is no date: DuckDB takes `infinity` for 1900.
create or replace macro has_short_year(t) as
    regexp_matches(t, '^\d{1,2}[/-](\d{1,2}|[A-Za-z]{3})[/-]\d{2}(\D|$)');

create or replace macro moment_of(t) as case
    when regexp_full_match(t, '\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2})?') then try_cast(t as timestamp)
    when not regexp_matches(t, '\d') then null
    when has_short_year(t) then try_strptime(replace(t, '-', '/'), [
        '%m/%d/%y', '%d/%b/%y', '%m/%d/%y %H:%M:%S', '%m/%d/%y %H:%M', '%m/%d/%y %I:%M:%S %p', '%m/%d/%y %I:%M %p',
        '%m/%d/%y %I:%M%p', '%d/%b/%y %H:%M:%S', '%d/%b/%y %H:%M'
    ])
    else coalesce(
        try_strptime(t, [
            '%Y-%m-%d', '%m/%d/%Y', '%Y%m%d', '%m-%d-%Y', '%d-%b-%Y', '%b %d, %Y', '%B %d, %Y',
            '%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%d %H:%M', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p',
            '%Y-%m-%dT%H:%M:%S', '%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S.%fZ',
            '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %H:%M', '%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y %I:%M %p', '%m/%d/%Y %I:%M%p',
            '%a %m/%d/%Y %I:%M %p', '%a, %d %b %Y %H:%M:%S', '%d %b %Y', '%d %B %Y', '%Y/%m/%d',
            '%Y/%m/%d %H:%M:%S', '%b %d, %Y %I:%M %p', '%b %d, %Y %H:%M', '%B %d, %Y %I:%M %p'
        ]),
        try_cast(t as timestamptz)::timestamp
    )
end;

-- A birth lies before its list. Where a year of two digits may be either century's (a child, or somebody over a
-- hundred), it is neither. Day nought and day one of spreadsheets and databases are put where nothing is known: as
-- birthdays they would part people from themselves, and join others.
create or replace macro birth_of(t, moment, file_date) as case
    when moment between timestamp '1899-12-30' and timestamp '1900-01-01' then null
    when not has_short_year(t) or moment <= file_date - interval 10 year then moment
    when moment > file_date then moment - interval 100 year
end;
