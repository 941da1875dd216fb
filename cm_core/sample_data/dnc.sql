-- Registered numbers: one in twelve of the people's own, and as many that nobody here has. AAA,NNNNNNN.
select (n // 10000000)::varchar || ',' || lpad((n % 10000000)::varchar, 7, '0') || chr(10) as line
from (
    select id, case when owner_number % 12 = 0 then mobile else landline // 10000 * 10000 + owner_number % 10000 end as n
    from people
    where (owner_number % 12 = 0 and mobile > 0) or (owner_number % 12 = 1 and landline > 0)
)
order by id
