"""The MySQL statements of pulls. What they mean is said where they are used; no logic here."""

_LAST = """
select pull_id, revision, window_from, window_to, state, next_cursor, pages, records, landing_key, checksum_sha256,
    started_at
from api_pulls
where source = %s and {condition}
order by {order} desc
limit 1
"""
#: A day is one, whatever its window.
_SAME = "(day = %s or (%s is null and day is null and window_from = %s and window_to = %s))"
LAST = _LAST.format(condition=_SAME, order="revision")
LAST_LANDED = _LAST.format(condition=f"{_SAME} and state = 'LANDED'", order="revision")
LAST_LANDED_OF_ANY = _LAST.format(condition="state = 'LANDED'", order="finished_at")
BEGIN = """
insert into api_pulls (pull_id, source, day, revision, window_from, window_to, state, started_at)
values (%s, %s, %s, %s, %s, %s, 'OPEN', %s)
"""
BEGIN_ANEW = """
update api_pulls
set window_from = %s, window_to = %s, next_cursor = null, pages = 0, records = 0, started_at = %s
where pull_id = %s
"""
KEEP = "update api_pulls set next_cursor = %s, pages = %s, records = %s where pull_id = %s"
PLACE = "update api_pulls set landing_key = %s, checksum_sha256 = %s where pull_id = %s"
FINISH = """
update api_pulls
set state = %s, records = %s, landing_key = %s, checksum_sha256 = %s, next_cursor = null, finished_at = %s
where pull_id = %s
"""
#: Pulls with what became of their files; `{condition}` is over api_pulls as p.
PULLS = """
select p.pull_id, p.source, p.day, p.revision, p.window_from, p.window_to, p.state, p.pages, p.records, p.landing_key,
    p.started_at, p.finished_at, i.import_id, i.status, i.inserted_count, i.updated_count, i.skipped_count,
    i.error_count,
    (select count(*) from api_requests as r where r.purpose = p.pull_id) as requests,
    (select coalesce(sum(r.waited_ms), 0) / 1000e0 from api_requests as r where r.purpose = p.pull_id) as waited_seconds
from api_pulls as p
left join import_metadata as i on i.landing_key = p.landing_key and p.state = 'LANDED'
where p.source like 'ringcentral%%'
order by p.started_at desc, p.pull_id desc
limit %s
"""
REQUESTS = """
select limit_group, count(*), coalesce(sum(status = 429), 0), coalesce(sum(waited_ms), 0) / 1000
from api_requests
where api = 'ringcentral' and requested_at > timestampadd(hour, -24, utc_timestamp(6))
group by limit_group
order by limit_group
"""
PAUSES = """
select limit_group, paused_until, reason
from api_pauses
where api = 'ringcentral' and paused_until > utc_timestamp(6)
order by limit_group
"""
