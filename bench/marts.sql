-- Canonical rows of `people` persons, made by arithmetic: a fifth are duplicates of the one before; each has a phone, two
-- in ten a second one, seven in ten an e-mail address, all an address and some a second one.
create or replace macro mixed(n, salt) as (hash(n * 31 + salt) % 1000000007)::bigint;
create or replace macro area_code(n) as
    ['405', '918', '580', '214', '713', '817', '432', '806', '915', '505', '303', '225', '318', '601', '701', '307']
    [1 + mixed(n, 1) % 16];

create or replace table people as
select
    n as id,
    case when n % 5 = 0 and n > 1 then n - 1 else n end as entity_id,
    case when n % 5 = 0 and n > 1 then 0 else 1 end as is_original,
    case when n % 97 = 0 then 'trust' when n % 89 = 0 then 'estate' when n % 41 = 0 then 'organization' else 'person' end
        as entity_type
from range(1, getvariable('people') + 1) as numbers(n);

create or replace table phones as
select n as id, person_id, '+1' || area_code(person_id) || lpad((2000000 + mixed(n, 2) % 7900000)::varchar, 7, '0')
    as phone_e164,
    case mixed(n, 3) % 10 when 0 then 'mobile' when 1 then 'landline' end as phone_type
from (
    select id as n, id as person_id from people
    union all
    select getvariable('people') + id, id from people where id % 5 = 2
);

create or replace table emails as
select id, id as person_id, 'person' || id || '@mail' || id % 50 || '.example' as email
from people
where id % 10 < 7;

create or replace table homes as
select n as id, person_id, n || ' ' || ['OAK', 'ELM', 'MAIN', 'PINE'][1 + n % 4] || ' ST' as street,
    ['73', '74', '75', '76', '77', '79', '80', '88'][1 + mixed(n, 4) % 8] || lpad((mixed(n, 5) % 1000)::varchar, 3, '0')
        as zip,
    ['OK', 'OK', 'TX', 'TX', 'TX', 'TX', 'CO', 'NM'][1 + mixed(n, 4) % 8] as state
from (
    select id as n, id as person_id from people
    union all
    select getvariable('people') + id, id from people where id % 9 = 4
);
