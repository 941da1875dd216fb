-- The last change of each number of a list: what it came to. In: staged_dnc, $sources, $obtained_at.
-- At the same moment, an addition counts: whom a list may have, it has. Changes without a time count as of the list's
-- own date, in the order of the file.
select number, last(action order by coalesce(changed_at, $obtained_at), action_rank, row_number) as action
from (
    select *, case when changed_at is not null and action = 'A' then 1 else 0 end as action_rank
    from staged_dnc
    where source in (select unnest($sources)) and action is not null
)
group by number
order by number
