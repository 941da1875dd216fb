-- generation_of
-- The generation in a suffix, as it stands in match keys: JR of `JR` and of `JR MD`, empty where there is none.
create or replace macro generation_of(name_suffix) as
    regexp_extract(coalesce(upper(name_suffix), ''), '\b(JR|SR|II|III|IV|V|VI)\b', 1);
