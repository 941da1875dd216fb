-- Helpers that turn drawn numbers into the texts people write. `k` is a drawn number; 0 means "leave it".

create or replace macro title(s) as upper(substr(s, 1, 1)) || lower(substr(s, 2));

-- One slip of the keyboard after the first letter: a letter dropped, two swapped, one replaced, one doubled.
create or replace macro typo(s, k) as case
    when k = 0 or length(s) < 4 then s
    when k % 4 = 0 then substr(s, 1, 1 + (k // 4) % (length(s) - 2)) || substr(s, 3 + (k // 4) % (length(s) - 2))
    when k % 4 = 1 then substr(s, 1, 1 + (k // 4) % (length(s) - 2))
        || substr(s, 3 + (k // 4) % (length(s) - 2), 1) || substr(s, 2 + (k // 4) % (length(s) - 2), 1)
        || substr(s, 4 + (k // 4) % (length(s) - 2))
    when k % 4 = 2 then substr(s, 1, 1 + (k // 4) % (length(s) - 2)) || chr((97 + (k // 97) % 26)::integer)
        || substr(s, 3 + (k // 4) % (length(s) - 2))
    else substr(s, 1, 2 + (k // 4) % (length(s) - 2)) || substr(s, 2 + (k // 4) % (length(s) - 2))
end;

create or replace macro cased(s, letter_case) as case letter_case when 0 then upper(s) when 1 then s else lower(s) end;

create or replace macro comma(s) as case
    when s is null then ''
    when contains(s, ',') or contains(s, '"') then '"' || replace(s, '"', '""') || '"'
    else s
end;

create or replace macro day(d) as strftime(date '1970-01-01' + d::integer, '%Y-%m-%d');
create or replace macro us_day(d) as strftime(date '1970-01-01' + d::integer, '%m/%d/%Y');

-- Ten digits as a number, in one of ten ways of writing.
create or replace macro phone_text(n, style) as case
    when n = 0 then ''
    when style = 0 then format('({:03d}) {:03d}-{:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    when style = 1 then format('{:03d}-{:03d}-{:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    when style = 2 then n::varchar
    when style = 3 then format('{:03d}.{:03d}.{:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    when style = 4 then format('+1 {:03d} {:03d} {:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    when style = 5 then format('1-{:03d}-{:03d}-{:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    when style = 6 then format('{:03d}/{:03d}-{:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    when style = 7 then n::varchar || '.0'
    when style = 8 then format('({:03d}){:03d}-{:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
    else format('{:03d} {:03d} {:04d}', n // 10000000, n // 10000 % 1000, n % 10000)
end;

create or replace macro bad_phone_text(k) as
    list_extract(['000-000-0000', '555-1234', '(999) 999-9999', 'N/A', '123', 'unlisted'], (1 + k % 6)::integer);

create or replace macro e164(n) as case when n = 0 then null else '+1' || n::varchar end;
