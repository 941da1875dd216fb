"""Our own made-up owner lists, whose truth file says what is hard about each row."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.quality.figures import Figure, Outcome, share
from bench.quality.linked import judge, link, pairwise, staged, wrong_pairs
from cm_core.compute import sql
from cm_core.linkage import households
from cm_core.sample_data import generate

#: Rows a person has on average in the sample lists.
ROWS_PER_PERSON = 1.5
_TRUTH_FILE = "create or replace table truth_file as from read_csv(?)"
_HOUSEHOLDS = """
select
    count(*) filter (people > 1),
    count(*)
from (select cluster, household, count(distinct true_id) as people from found group by all)
"""
_NO_JOINT_OWNERS = "create or replace table joint_owners (person_id bigint, related_person_id bigint)"
# Two people, by the truth, of which each has clusters: of one household by the truth, by linkage, by both.
_HOUSEHOLD_LINKS = """
with people as (
    select f.true_id, any_value(f.household) as household, mode(h.household) as found
    from found as f
    left join households as h on f.cluster = h.cluster
    group by f.true_id
),
sizes as (
    select household, found, count(*) as n from people group by all
)
select
    (select sum(n * (n - 1) // 2) from sizes where found is not null),
    (select sum(n * (n - 1) // 2) from (select sum(n) as n from sizes where found is not null group by found)),
    (select sum(n * (n - 1) // 2) from (select sum(n) as n from sizes group by household))
"""


def measure(rows: int, seed: int) -> Outcome:
    """About `rows` rows, linked; over all, and by each kind of noise: pairs with a row that has it."""
    with TemporaryDirectory(prefix="cm-lists-") as folder:
        made = generate(round(rows / ROWS_PER_PERSON), seed, Path(folder))
        with staged(made.files) as (con, settings):
            con.execute(_TRUTH_FILE, (str(made.truth_path),))
            con.execute(sql(__package__, "lists.sql"))
            link(con, settings)
            judge(con)
            figures = list(pairwise(con, precision=0.995, recall=0.95))
            wrong, clusters = con.execute(_HOUSEHOLDS).fetchall()[0]
            figures.append(Figure("clusters with two people of one household", wrong, clusters, 0, most=True))
            con.execute(_NO_JOINT_OWNERS)
            households.find(con)
            right, found, true = con.execute(_HOUSEHOLD_LINKS).fetchall()[0]
            figures += [
                share("household links: precision", right, found),
                share("household links: recall", right, true),
            ]
            for noise, right, found, true in con.execute(sql(__package__, "lists_by_noise.sql")).fetchall():
                figures += [share(f"{noise}: precision", right, found), share(f"{noise}: recall", right, true)]
            return Outcome(f"sample lists, {made.rows:,} rows", tuple(figures), wrong_pairs(con))
