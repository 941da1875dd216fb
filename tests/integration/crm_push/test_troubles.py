"""What one person, one request or one restart may not do to all others, or to whom nobody may contact."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cm_core import crm
from cm_core.compliance import privacy
from cm_core.compliance.subjects import Subject
from cm_core.crm import PipedriveClient
from cm_core.crm.suppressions import up_to
from cm_core.web import ApiUnavailable
from tests.integration.crm_push.conftest import Push, phone


def ask(push: Push, number: str, channel: str = "sms") -> None:
    push.people.opted_out(channel, phone_e164=number)


def only_reserve(push: Push, tokens: int) -> None:
    """Of today's tokens nothing is left but what requests may spend."""
    spent = push.people.rows("select max(tokens) from api_budgets")[0][0]
    push.limits(pipedrive_daily_tokens=int(spent) + tokens, pipedrive_reserve_tokens=tokens)


def three(push: Push) -> list[int]:
    """Three people there who are known to us."""
    ids = [push.there(f"P{n} Lee", phones=(phone(n),)) for n in (1, 2, 3)]
    push.pull()
    for n, crm_id in enumerate(ids, 1):
        push.known(n, crm_id, name=(f"P{n}", "Lee"), phones=[phone(n)])
    return ids


def requests_of(push: Push, ids: list[int]) -> list[Any]:
    code = push.fields.codes["do_not_contact"]
    return [push.server.control(f"persons/{crm_id}")["custom_fields"].get(code) for crm_id in ids]


# Requests not to be contacted


def test_a_tick_is_about_the_numbers_that_went_with_it(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1), phone(2)), emails=("ann@x.org",))
    push.pull()
    push.known(1, ann, phones=[phone(1), phone(2)])
    code = push.fields.codes["do_not_contact"]
    push.server.clock(advance_seconds=600)
    ticked = push.fields.option_ids("do_not_contact", ["call", "email"])
    push.server.edit(ann, phones=[{"value": "(405) 555-2002"}], emails=[], custom_fields={code: ticked})
    push.pull()
    lines = push.landed("pipedrive_opt_outs")
    assert {(line["channel"], line.get("phone") or line.get("email")) for line in lines} == {
        ("call", "(405) 555-2002"), ("call", phone(1)), ("email", "ann@x.org")
    }  # fmt: skip
    push.server.clock(advance_seconds=600)
    push.server.edit(ann, phones=[{"value": phone(2)}], name="Ann B. Lee")
    push.pull()
    assert len(push.landed("pipedrive_opt_outs")) == 3, "a number that is written otherwise is no news"


def test_what_we_ticked_is_not_their_request_when_a_number_goes(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1), phone(2)))
    push.pull()
    push.known(1, ann, phones=[phone(1), phone(2)])
    ask(push, phone(1), "call")
    push.suppress()
    push.server.clock(advance_seconds=600)
    push.server.edit(ann, phones=[{"value": phone(2)}])
    push.pull()
    assert push.landed("pipedrive_opt_outs") == []


def test_no_yes_goes_out_beside_a_tick_that_has_not_come_in(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    code = push.fields.codes["do_not_contact"]
    push.server.clock(advance_seconds=60)
    push.server.edit(ann, custom_fields={code: push.option("call")})
    push.pull()
    for _ in range(2):
        push.push()
        found = push.person(ann)
        assert (found["do_not_contact"], found["cm_call"]) == (["call"], "No: Do not contact is ticked")
        assert found["cm_text"] == f"Yes: {phone(1)}"


def test_a_person_who_comes_into_the_crm_later_is_news(push: Push) -> None:
    ask(push, phone(7), "call")
    before = up_to(push.database)
    bob = push.there("Bob Ray", phones=(phone(7),))
    push.pull()
    push.known(2, bob, name=("Bob", "Ray"), phones=[phone(7)])
    assert up_to(push.database) != before
    push.suppress()
    assert push.person(bob)["do_not_contact"] == ["call"]


def test_a_plan_that_puts_a_merge_off_has_the_requests_of_both(push: Push) -> None:
    ann, bis = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Lee", phones=(phone(2),))
    push.pull()
    push.known(1, ann, phones=[phone(1), phone(2)])
    push.link(1, bis)
    ask(push, phone(1))
    push.server.clock(advance_seconds=60)
    push.server.edit(bis, name="Ann B. Lee")
    push.read(bis)  # and it has not landed: the merge is put off
    push.server.once(429, f"/api/v2/persons/{ann}$", method="GET", headers={"retry-after": "200"})
    suppressed = push.suppress()
    assert suppressed is not None
    assert suppressed.steps == {"waiting": 2}
    push.people.run("delete from api_pauses")
    assert push.plan().counts["merges_put_off"] == 1
    push.apply()
    assert [push.person(each)["do_not_contact"] for each in (ann, bis)] == [["sms"], ["sms"]]


def test_requests_of_whom_a_plan_does_not_look_at_stay(push: Push) -> None:
    ids = three(push)
    ask(push, phone(1))
    push.server.once(429, f"/api/v2/persons/{ids[0]}$", method="GET", headers={"retry-after": "200"})
    push.suppress()
    push.people.run("delete from api_pauses")
    push.people.run("delete from person_identifiers where person_id = 1")  # nobody's, as after an un-merge
    plan = push.plan()
    assert plan.counts["left_out"]["in the CRM without one of ours yet"] == 1
    push.apply()
    assert push.person(ids[0])["do_not_contact"] == ["sms"]


# One among many


@pytest.mark.parametrize("status", [500, 400])
def test_one_who_cannot_be_read_keeps_nobody_waiting(push: Push, status: int) -> None:
    ids = three(push)
    for n in (1, 2, 3):
        ask(push, phone(n))
    push.server.once(status, f"/api/v2/persons/{ids[0]}$", method="GET", times=50)
    applied = push.suppress()
    assert applied is not None
    assert (applied.steps, applied.to_try_again) == ({"applied": 2, "failed": 1}, 1)
    assert requests_of(push, ids) == [None, push.option("sms"), push.option("sms")]


def test_one_who_is_shut_out_goes_last(push: Push) -> None:
    ids = three(push)
    for n in (1, 2, 3):
        ask(push, phone(n))
    push.server.once(403, f"/api/v2/persons/{ids[0]}$", method="PATCH", body="<html>blocked</html>", times=50)
    first = push.suppress()
    assert first is not None
    assert (first.state, first.steps) == ("WAITING", {"waiting": 3})
    push.people.run("delete from api_pauses")  # the pause is over
    push.suppress()
    assert requests_of(push, ids) == [None, push.option("sms"), push.option("sms")]
    for _ in range(3):
        push.people.run("delete from api_pauses")
        last = push.suppress()
    assert last is not None
    assert (last.state, last.steps) == ("DONE", {"failed": 1})


def test_a_changelog_that_cannot_be_read_stops_no_plan(push: Push) -> None:
    ann, bob = push.there("Ann Lee", phones=(phone(1),)), push.there("Bob Ray", phones=(phone(2),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.push()
    push.known(2, bob, name=("Bob", "Ray"), phones=[phone(2)])
    push.server.edit(ann, name="Annie Lee")
    push.pull()
    push.listed(1, "Anna", "2026-03-02 13:00:00")
    push.server.once(500, f"/persons/{ann}/changelog", times=50)
    assert push.plan().counts["author_unknown"] == 1
    push.apply()
    assert (push.person(bob)["cm_entity"], push.person(ann)["name"]) == ("2", "Annie Lee")


@pytest.mark.parametrize(("source", "name"), [("mobile", "Annie Lee"), (None, "Annie Lee"), ("api", "Anna Lee")])
def test_who_edits_in_an_app_is_a_person(
    push: Push, monkeypatch: pytest.MonkeyPatch, source: str | None, name: str
) -> None:
    ann = push.renamed_on_both_sides()
    real = PipedriveClient.changelog

    def changelog(self: PipedriveClient, *arguments: Any, **more: Any) -> Any:
        page = real(self, *arguments, **more)
        for each in page.items:
            each["change_source"] = source if each["change_source"] == "app" else each["change_source"]
        return page

    monkeypatch.setattr(PipedriveClient, "changelog", changelog)
    push.push()
    assert push.person(ann)["name"] == name


# Tokens


def test_nobody_is_created_out_of_the_reserve(push: Push) -> None:
    for n in range(1, 11):
        push.known(n, name=(f"N{n}", "Lee"), phones=[phone(n)])
        push.answered(n)
        ask(push, phone(n))
    ann = push.there("Ann Ray", phones=(phone(20),))
    push.pull()
    push.known(20, ann, name=("Ann", "Ray"), phones=[phone(20)])
    ask(push, phone(20))
    push.plan()
    only_reserve(push, 50)
    applied = push.apply()
    assert (applied.state, len(push.everybody())) == ("WAITING", 1)
    assert push.person(ann)["do_not_contact"] == ["sms"]


def test_fields_of_yesterday_serve_where_there_are_no_tokens_for_new_ones(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.push()
    ask(push, phone(1))
    only_reserve(push, 3000)
    kept = Path(push.settings.lake.removeprefix("file://")) / "crm/fields.json"
    old = time.time() - 90_000
    os.utime(kept, (old, old))
    push.suppress()
    assert push.person(ann)["do_not_contact"] == ["sms"]


# A database of yesterday


def test_after_a_restore_everything_lands_and_nobody_is_created_twice(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    for table in ("api_pulls", "crm_persons"):
        push.people.run(f"delete from {table}")
    push.there("Bob Ray", phones=(phone(2),))
    result = crm.pull_day(push.settings, push.database, date(2026, 3, 2), everything=True)
    assert (result.state, result.lines) == ("LANDED", 2)
    assert {line["name"] for line in push.landed("pipedrive_persons")} == {"Ann Lee", "Bob Ray"}
    # The link is of an import that comes later; by their numbers the two of ours may be these.
    for entity, number in ((1, phone(1)), (3, phone(3))):
        push.known(entity, phones=[number], name=("Ann", f"Lee{entity}"))
        push.answered(entity)
    plan = push.plan()
    assert [(step.action, step.entity_id) for step in push.steps(plan)] == [("create", 3)]
    assert plan.counts["left_out"]["perhaps in the CRM already, by somebody who has not been imported yet"] == 1
    assert push.person(ann)["cm_entity"] is None


def test_whom_we_created_is_known_by_the_number_it_has_there(push: Push) -> None:
    push.known(1, phones=[phone(1)])
    push.answered(1)
    push.push()
    for table in ("crm_resolutions", "crm_steps", "crm_plans", "crm_persons", "api_pulls", "person_identifiers"):
        push.people.run(f"delete from {table}")
    push.server.edit(1, phones=[])
    crm.pull_day(push.settings, push.database, date(2026, 3, 2), everything=True)
    assert push.push().steps == {}
    assert len(push.everybody()) == 1


def test_all_is_read_though_a_window_was_left(push: Push) -> None:
    three(push)
    push.server.once(500, "/api/v2/persons$", method="GET", times=3)
    with pytest.raises(ApiUnavailable):
        push.pull()
    result = crm.pull_day(push.settings, push.database, date(2026, 3, 2), everything=True)
    assert (result.window_from, result.records) == (None, 3)


# Who had their data deleted


def test_no_page_keeps_whose_data_was_deleted(push: Push) -> None:
    ann = push.there("Ann Secretname", phones=(phone(1),))
    push.there("Bob Ray", phones=(phone(2),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    privacy.forget(push.settings, push.database, Subject("person", "1"), reason="asked")
    lake = Path(push.settings.lake.removeprefix("file://"))
    before = {path for path in lake.rglob("*") if path.is_file()}
    push.suppress()
    crm.reconcile(push.settings, push.database)
    pages = [path for path in lake.rglob("page-*") if path not in before]
    assert [b"Ray" in page.read_bytes() for page in pages] == [True]
    assert not [path for path in lake.rglob("*") if path.is_file() and path not in before
                and b"Secretname" in path.read_bytes()]  # fmt: skip
