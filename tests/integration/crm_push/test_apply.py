"""An apply that is killed, unanswered, refused, out of tokens or not alone: nothing twice, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from typer.testing import CliRunner

from cm_core.cli.main import app
from cm_core.errors import WriterBusy
from cm_core.store.locks import WRITER_LOCK, named_lock
from cm_core.web import ApiRefused, ApiUnavailable
from tests.integration.crm_push.conftest import Push, phone
from tests.integration.dbt.people import NEW


def some_answered(push: Push, count: int) -> None:
    for number in range(1, count + 1):
        push.known(number, name=("Ann", f"Lee{number}"), phones=[phone(number)]), push.answered(number)


def some_there(push: Push, count: int) -> list[int]:
    there = [push.there(f"Ann Lee{number}", phones=(phone(number),)) for number in range(1, count + 1)]
    push.pull()
    for number, crm_id in enumerate(there, 1):
        push.known(number, crm_id, ("Ann", f"Lee{number}"), phones=[phone(number)])
    return there


def wait_for(process: subprocess.Popen[str], condition: Any, seconds: float = 30) -> None:
    """Until it holds; fails if the process ends before."""
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def states(push: Push) -> list[str]:
    return [step.state for step in push.steps()]


SOAK = pytest.mark.soak

# No answer


@pytest.mark.parametrize(
    "fault", ["drop_after_apply", pytest.param("torn", marks=SOAK), pytest.param("slow", marks=SOAK)]
)
def test_who_was_created_without_an_answer_is_found_and_not_created_again(push: Push, fault: str) -> None:
    some_answered(push, 3)
    push.plan()
    push.limits(web_timeout_seconds=0.5)
    push.server.faults(slow_seconds=1.5)
    push.server.once(fault, "/api/v2/persons$", method="POST", skip=1)
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 3})
    assert sorted(person["name"] for person in push.everybody()) == ["Ann Lee1", "Ann Lee2", "Ann Lee3"]
    assert len(push.people.rows("select * from person_identifiers")) == 3


def test_who_was_created_and_read_by_a_pull_that_began_before_is_not_created_again(push: Push) -> None:
    push.there("Bob Ray")
    push.pull()
    some_answered(push, 1)
    push.plan()
    push.server.once("drop_after_apply", "/api/v2/persons$", method="POST")
    push.server.once(403, "/api/v2/persons$", method="GET")
    with pytest.raises(ApiRefused):  # nobody can be looked up now
        push.apply()
    assert states(push) == ["sending"]
    push.pull()
    # The pull has its time from before its request, which waited for its turn.
    push.people.run("update crm_persons set first_seen_at = timestampadd(minute, -30, first_seen_at)")
    assert push.apply().steps == {"applied": 1}
    assert [person["name"] for person in push.everybody()] == ["Bob Ray", "Ann Lee1"]


def test_a_request_that_was_sent_late_is_waited_for(push: Push) -> None:
    """Its step was taken long before: the request had waited for its turn. It may still arrive."""
    some_answered(push, 1)
    push.plan()
    push.people.run("update crm_steps set state = 'sending', attempts = 1, sent_at = timestampadd(minute, -5, "
                    "utc_timestamp(6))")  # fmt: skip
    push.people.run("insert into api_requests (api, limit_group, requested_at, tokens, purpose, call_name) "
                    "values ('pipedrive', 'general', utc_timestamp(6), 5, 'push', 'POST /persons')")  # fmt: skip
    push.limits(web_timeout_seconds=2.0)
    with ThreadPoolExecutor(1) as aside:
        applying = aside.submit(push.apply)
        time.sleep(1.0)
        body = {"name": "Ann Lee1", "custom_fields": {push.fields.codes["cm_entity"]: "1"}}
        push.server.control("persons", body)
        applying.result()
    assert len(push.everybody()) == 1


@pytest.mark.parametrize("fault", ["reset", pytest.param("500", marks=SOAK), pytest.param("503", marks=SOAK)])
def test_who_was_not_created_is_created_then(push: Push, fault: str) -> None:
    some_answered(push, 3)
    push.plan()
    push.server.once(fault if fault == "reset" else int(fault), "/api/v2/persons$", method="POST")
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 3})
    assert len(push.everybody()) == 3


@pytest.mark.parametrize("fault", ["drop_after_apply", "reset", pytest.param("500", marks=SOAK)])
def test_an_update_without_an_answer_is_looked_up(push: Push, fault: str) -> None:
    (ann,) = some_there(push, 1)
    push.people.phone(1, phone(9), at=NEW)
    push.plan()
    push.server.once(int(fault) if fault == "500" else fault, f"/api/v2/persons/{ann}", method="PATCH")
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 1})
    assert push.person(ann)["phones"] == [phone(1), phone(9)]
    push.server.edit(ann, phones=[{"value": phone(1)}])
    push.pull()
    push.push()
    assert push.person(ann)["phones"] == [phone(1)], "what was removed after it does not come back"


@pytest.mark.parametrize("fault", ["drop_after_apply", pytest.param("reset", marks=SOAK)])
def test_a_merge_without_an_answer_is_looked_up(push: Push, fault: str) -> None:
    one, two = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Lee", phones=(phone(2),))
    push.pull()
    push.known(1, one, phones=[phone(1)]), push.known(2, two, golden=1, original=0, phones=[phone(2)])
    push.plan()
    push.server.once(fault, "/merge", method="PUT")
    assert push.apply().state == "DONE"
    assert push.person(two)["is_deleted"]
    assert set(push.person(one)["phones"]) == {phone(1), phone(2)}
    assert push.server.control("state")["merged_into"] == {str(two): one}


def two_to_merge(push: Push) -> tuple[int, int]:
    one, two = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Lee", phones=(phone(2),))
    push.pull()
    push.known(1, one, phones=[phone(1)]), push.known(2, two, golden=1, original=0, phones=[phone(2)])
    push.plan()
    return one, two


def became_of(push: Push, crm_id: int) -> tuple[str, int | None]:
    ((state, into),) = push.people.rows(
        "select state, merged_into from crm_persons where crm_person_id = %s", (crm_id,)
    )
    return state, into


@pytest.mark.parametrize("reply", [404, 200])
def test_a_merge_stays_known_where_the_budget_ends_right_after_it(push: Push, reply: int) -> None:
    """`reply`: to who asks for the one that is gone; 200 is the survivor in its place."""
    push.server.reset(merged_reply=reply)
    push.__init__(push.settings, push.database, push.server)  # type: ignore[misc]
    one, two = two_to_merge(push)
    ((spent,),) = push.people.rows("select tokens from api_budgets where day = '2026-03-02'")
    budget = push.settings.pipedrive_daily_tokens
    push.limits(pipedrive_daily_tokens=int(spent) + 3_000 + 2 + 40)
    done = push.apply()
    assert push.person(two)["is_deleted"]
    assert (done.state, done.steps) == ("WAITING", {"sending": 1, "waiting": 1})
    assert push.apply().steps == {"sending": 1, "waiting": 1}, "nothing more today"
    push.limits(pipedrive_daily_tokens=budget)
    assert push.apply().steps == {"applied": 2}
    assert became_of(push, two) == ("merged", one)


@pytest.mark.parametrize("status", [403, 404])
def test_a_merge_stays_known_where_the_survivor_cannot_be_read_after_it(push: Push, status: int) -> None:
    one, two = two_to_merge(push)
    push.server.once(status, f"/api/v2/persons/{one}$", method="GET", skip=1)
    assert push.apply().steps == {"applied": 2}
    assert became_of(push, two) == ("merged", one)


def test_a_merge_without_an_answer_waits_until_we_may_read_who_is_left(push: Push) -> None:
    one, two = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Lee", phones=(phone(2),))
    bob = push.there("Bob Ray", phones=(phone(3),))
    push.pull()
    push.known(1, one, phones=[phone(1)]), push.known(2, two, golden=1, original=0, phones=[phone(2)])
    push.known(3, bob, ("Bob", "Ray"), phones=[phone(3)])
    push.plan()
    push.server.once("drop_after_apply", "/merge", method="PUT")
    # It was read before the merge, and again before it is written itself; the third time is the looking up.
    push.server.once(403, f"/api/v2/persons/{one}$", method="GET", skip=2)
    done = push.apply()
    assert (done.state, done.steps["sending"]) == ("WAITING", 1)
    assert push.person(bob)["cm_entity"] == "3", "others are not held up"
    assert push.apply().state == "DONE"
    assert push.people.rows("select merged_into from crm_persons where crm_person_id = %s", (two,)) == [(one,)]


# Kills


def test_killed_between_a_creation_and_its_note(push: Push) -> None:
    some_answered(push, 3)
    push.plan()
    push.server.faults(slow_seconds=8.0)
    push.server.once("slow", "/api/v2/persons$", method="POST", skip=1)
    with push.applying() as process:
        wait_for(process, lambda: push.server.control("state")["persons"] == 2)
        kill(process)
    assert sorted(states(push)) == ["applied", "sending", "waiting"]
    done = push.apply()
    assert (done.state, done.resolved, done.steps) == ("DONE", 1, {"applied": 3})
    assert sorted(person["name"] for person in push.everybody()) == ["Ann Lee1", "Ann Lee2", "Ann Lee3"]


@SOAK
def test_killed_before_a_creation_arrives(push: Push) -> None:
    """The step is `sending`, the request hangs on its way: it is not there, so it is done then."""
    some_answered(push, 2)
    push.plan()
    push.server.once("timeout", "/api/v2/persons$", method="POST")
    with push.applying(CM_WEB_TIMEOUT_SECONDS="30") as process:
        wait_for(process, lambda: "sending" in states(push))
        kill(process)
    assert push.apply().steps == {"applied": 2}
    assert len(push.everybody()) == 2


def test_killed_between_an_update_and_its_note_and_edited_since(push: Push) -> None:
    (ann,) = some_there(push, 1)
    push.people.phone(1, phone(8), at=NEW), push.people.phone(1, phone(9), at=NEW)
    push.plan()
    push.server.faults(slow_seconds=8.0)
    push.server.once("slow", f"/api/v2/persons/{ann}", method="PATCH")
    with push.applying() as process:
        wait_for(process, lambda: len(push.person(ann)["phones"]) == 3)
        kill(process)
    assert states(push) == ["sending"]
    push.server.edit(ann, name="Annie Lee1", phones=[{"value": phone(1)}, {"value": phone(8)}])
    done = push.apply()
    assert (done.state, done.resolved) == ("DONE", 1)
    found = push.person(ann)
    assert (found["name"], found["phones"]) == ("Annie Lee1", [phone(1), phone(8)]), "their edit stands"
    push.pull()
    assert any(line["name"] == "Annie Lee1" for line in push.landed("pipedrive_persons")), "and comes in"


@SOAK
def test_killed_between_a_merge_and_its_note(push: Push) -> None:
    one, two = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Lee", phones=(phone(2),))
    push.pull()
    push.known(1, one, phones=[phone(1)]), push.known(2, two, golden=1, original=0, phones=[phone(2)])
    push.plan()
    push.server.faults(slow_seconds=8.0)
    push.server.once("slow", "/merge", method="PUT")
    with push.applying() as process:
        wait_for(process, lambda: push.person(two)["is_deleted"])
        kill(process)
    assert push.apply().state == "DONE"
    assert set(push.person(one)["phones"]) == {phone(1), phone(2)}


@SOAK
def test_killed_again_and_again_every_step_is_done_once(push: Push) -> None:
    some_answered(push, 8)
    there = [push.there(f"Bob Ray{n}", phones=(phone(100 + n),)) for n in range(8)]
    push.pull()
    for place, crm_id in enumerate(there):
        push.known(100 + place, crm_id, ("Bob", f"Ray{place}"), phones=[phone(100 + place)])
    push.plan()
    push.server.faults(rate=0.15, kinds=["500", "drop_after_apply", "torn", "reset"], seed=5)
    for _ in range(3):
        with push.applying(CM_WEB_TIMEOUT_SECONDS="0.3") as process:
            done = states(push).count("applied")
            wait_for(process, lambda done=done: states(push).count("applied") >= done + 3)
            kill(process)
    push.server.faults()
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 16})
    assert len(push.everybody()) == 16
    assert len({person["name"] for person in push.everybody()}) == 16
    assert all(push.person(crm_id)["cm_entity"] for crm_id in there)


# What was asked for since the plan


def test_who_opts_out_after_the_plan_is_created_with_that_and_without_a_yes(push: Push) -> None:
    some_answered(push, 2)
    push.plan()
    push.people.opted_out("call", phone_e164=phone(1))
    assert push.apply().steps == {"applied": 2}
    ann, other = (push.person(person["id"]) for person in push.everybody())
    assert (ann["do_not_contact"], ann["cm_call"], ann["cm_text"]) == (["call"], None, f"Yes: {phone(1)}")
    assert (other["do_not_contact"], other["cm_call"]) == (None, f"Yes: {phone(2)}")
    push.pull()
    assert push.landed("pipedrive_opt_outs") == [], "what we said is not news of theirs"


def test_who_opts_out_after_the_plan_is_updated_with_that_and_without_a_yes(push: Push) -> None:
    (ann,) = some_there(push, 1)
    push.plan()
    push.people.opted_out("call", phone_e164=phone(1))
    assert push.apply().steps == {"applied": 1}
    found = push.person(ann)
    assert (found["do_not_contact"], found["cm_call"], found["cm_text"]) == (["call"], None, f"Yes: {phone(1)}")
    push.push()
    assert push.person(ann)["cm_call"] == "No: Somebody asked not to be called at this number", "with the next plan"


def test_what_was_asked_of_whom_somebody_was_joined_with_counts(push: Push) -> None:
    (ann,) = some_there(push, 1)
    push.known(2, phones=[phone(2)])
    push.plan()
    push.people.run("update persons set entity_id = 2, is_original = 0 where id = 1")
    push.people.run("insert into entity_successors (entity_id, successor_id, job_id) values (1, 2, 'test')")
    push.people.opted_out("call", phone_e164=phone(2))
    push.apply()
    assert push.person(ann)["do_not_contact"] == ["call"]


@pytest.mark.parametrize("why", ["all", "deceased"])
def test_who_may_not_be_contacted_at_all_by_now_is_not_created(push: Push, why: str) -> None:
    some_answered(push, 2)
    push.plan()
    if why == "all":
        push.people.opted_out("all", person_id=1)
    else:
        push.people.fact("deceased", "person", "1", person_id=1)
    assert push.apply().steps == {"applied": 1, "superseded": 1}
    (left_out,) = [step for step in push.steps() if step.state == "superseded"]
    assert (left_out.entity_id, left_out.error) == (1, "May not be contacted at all by now.")
    assert [person["name"] for person in push.everybody()] == ["Ann Lee2"]


def test_what_was_closed_since_the_plan_stays_closed_when_no_answer_comes(push: Push) -> None:
    some_answered(push, 1)
    push.plan()
    push.people.opted_out("call", phone_e164=phone(1))
    push.server.once("drop_after_apply", "/api/v2/persons$", method="POST")
    assert push.apply().steps == {"applied": 1}
    push.pull()
    assert (push.landed("pipedrive_persons"), push.landed("pipedrive_opt_outs")) == ([], []), "all of it is ours"


# Two at once


def test_two_applies_at_once_do_everything_once(push: Push) -> None:
    some_answered(push, 6)
    plan = push.plan()
    with ThreadPoolExecutor(2) as both:
        results = list(both.map(lambda _: push.apply(plan.plan_id, lock_timeout_s=30), range(2)))
    assert sorted(done.applied for done in results) == [0, 6]
    assert len(push.everybody()) == 6
    assert push.server.usage()["calls_by_path"]["POST /api/v2/persons"] == 6


def test_who_may_not_wait_is_told_that_somebody_applies(push: Push) -> None:
    some_answered(push, 1)
    push.plan()
    with push.database.connect() as other, named_lock(other, "cm_crm_push", timeout_s=0):
        with pytest.raises(WriterBusy, match="cm_crm_push"):
            push.apply(lock_timeout_s=0)
    assert push.everybody() == []


def test_two_plans_and_an_apply_between_them_create_once(push: Push) -> None:
    some_answered(push, 2)
    first = push.plan()
    push.apply(first.plan_id)
    push.people.run("update crm_steps set state = 'waiting' where plan_id = %s", (first.plan_id,))
    push.people.run("update crm_plans set state = 'READY'")
    # As if another machine had planned the same before: the one that is there counts.
    push.people.run("insert into crm_plans select 'p2', kind, state, made_at, counts, tokens, seconds, requested_by, "
                    "finished_at from crm_plans")  # fmt: skip
    push.people.run("update crm_steps set plan_id = 'p2'")
    push.apply("p2")
    assert len(push.everybody()) == 2


def test_who_is_created_while_an_import_writes_is_linked_later(push: Push) -> None:
    some_answered(push, 1)
    push.plan()
    with push.database.connect() as other, named_lock(other, WRITER_LOCK, timeout_s=0):
        assert push.apply(lock_timeout_s=0).linked == 0
        assert push.plan().counts["create"] == 0
    assert push.apply().linked == 1
    assert len(push.people.rows("select * from person_identifiers")) == 1


# Budget and limits


def test_what_the_budget_does_not_hold_waits_for_tomorrow(push: Push) -> None:
    push.server.clock("2099-03-02T12:00:00Z")  # ahead of ours: its days are the budget's
    there = some_there(push, 10)
    push.pull()
    push.plan()
    ((spent,),) = push.people.rows("select tokens from api_budgets where day = '2099-03-02'")
    push.limits(pipedrive_daily_tokens=int(spent) + 3_000 + 10 + 4 * 5)
    done = push.apply()
    assert (done.state, done.steps) == ("WAITING", {"applied": 4, "waiting": 6})
    assert done.waits_for is not None
    assert "tokens are spent" in done.waits_for
    again = push.apply()
    assert (again.state, again.applied) == ("WAITING", 0), "nothing more today"
    push.server.clock("2099-03-03T00:10:00Z")
    push.people.run("update api_budgets set server_ahead_seconds = server_ahead_seconds + 43800")
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 10})
    assert all(push.person(crm_id)["cm_entity"] for crm_id in there)


def test_the_burst_is_kept_by_the_servers_own_count(push: Push) -> None:
    push.server.reset(burst=6, burst_window=0.5)
    push.limits(pipedrive_burst=6)
    push.__init__(push.settings, push.database, push.server)  # type: ignore[misc]
    some_there(push, 12)
    plan = push.plan()
    assert plan.seconds == pytest.approx((12 + 12) * 0.5 / 6, abs=0.1)
    before = push.server.usage()["tokens_by_day"]["2026-03-02"]
    push.apply()
    assert push.server.usage()["tokens_by_day"]["2026-03-02"] - before == plan.tokens == 12 * 5 + 12
    usage = push.server.usage()
    assert usage["burst_exceeded"] == 0
    assert usage["most_in_window"] <= 6


@pytest.mark.parametrize("people", [1, 12])
def test_what_was_edited_while_a_write_had_to_wait_is_not_written_over(push: Push, people: int) -> None:
    """One is read by itself, twelve with one list: what waited is settled by what is there after the pause."""
    there = some_there(push, people)
    push.people.opted_out("call", phone_e164=phone(1)), push.people.phone(1, phone(90), at=NEW)
    push.plan()
    push.server.once(429, f"/api/v2/persons/{there[0]}$", method="PATCH", headers={"retry-after": "3"})
    with ThreadPoolExecutor(1) as aside:
        applying = aside.submit(push.apply)
        while not any(entry["status"] == 429 for entry in push.server.log()):
            assert not applying.done()
            time.sleep(0.02)
        both = push.fields.option_ids("do_not_contact", ["sms"])
        push.server.edit(there[0], phones=[{"value": phone(1)}, {"value": phone(91)}],
                         custom_fields={push.fields.codes["do_not_contact"]: both})  # fmt: skip
        done = applying.result()
    assert (done.state, done.steps) == ("DONE", {"applied": people})
    found = push.person(there[0])
    assert (found["do_not_contact"], found["phones"]) == (["call", "sms"], [phone(1), phone(91), phone(90)])


def test_a_creation_waits_for_the_pause_that_is_asked_for(push: Push) -> None:
    some_answered(push, 2)
    push.plan()
    push.server.once(429, "/api/v2/persons$", method="POST", headers={"retry-after": "3"})
    done = push.apply()
    assert (done.state, done.steps, done.waits_for) == ("DONE", {"applied": 2}, None)
    assert push.server.usage()["calls_by_path"]["POST /api/v2/persons"] <= 3, "none is sent during it"


def test_who_was_read_too_long_ago_is_read_again(push: Push) -> None:
    """Answers that are slow make the reading of a list old before the last of it is written."""
    there = some_there(push, 10)
    push.people.phone(10, phone(90), at=NEW)
    push.plan()
    push.limits(web_timeout_seconds=5.0)
    push.server.faults(slow_seconds=2.5)
    push.server.once("slow", f"/api/v2/persons/{there[0]}$", method="PATCH")
    with ThreadPoolExecutor(1) as aside:
        applying = aside.submit(push.apply)
        while not push.person(there[0])["cm_entity"]:
            assert not applying.done()
            time.sleep(0.02)
        push.server.edit(there[9], phones=[{"value": phone(10)}, {"value": phone(91)}])
        done = applying.result()
    assert (done.state, done.steps) == ("DONE", {"applied": 10})
    assert push.person(there[9])["phones"] == [phone(10), phone(91), phone(90)]


# Refusals


def test_what_is_refused_fails_alone_with_the_reason(push: Push) -> None:
    there = some_there(push, 3)
    push.plan()
    push.server.once(400, f"/api/v2/persons/{there[1]}", method="PATCH")
    done = push.apply()
    assert (done.state, done.failed, done.steps) == ("DONE", 1, {"applied": 2, "failed": 1})
    (failed,) = [step for step in push.steps() if step.state == "failed"]
    assert failed.error is not None
    assert "400" in failed.error
    assert push.push().steps == {"applied": 1}, "the next plan tries again"


@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_whom_we_may_not_touch_fails_alone(push: Push, method: str) -> None:
    there = some_there(push, 3)
    push.plan()
    push.server.once(403, f"/api/v2/persons/{there[1]}$", method=method)
    done = push.apply()
    assert (done.state, done.failed, done.steps) == ("DONE", 1, {"applied": 2, "failed": 1})
    (failed,) = [step for step in push.steps() if step.state == "failed"]
    assert (failed.crm_person_id, "403" in str(failed.error)) == (there[1], True)
    assert push.people.rows("select distinct state from crm_persons") == [("live",)], "nobody is taken for gone"
    assert push.push().steps == {"applied": 1}, "the next plan tries again"


def test_where_we_may_touch_nobody_the_rest_waits(push: Push) -> None:
    some_there(push, 7)
    push.plan()
    push.server.once(403, "/api/v2/persons/", method="PATCH", times=7)
    with pytest.raises(ApiRefused, match="403"):
        push.apply()
    assert sorted(states(push)) == ["failed"] * 4 + ["waiting"] * 3


def test_opt_outs_of_others_go_out_though_we_may_not_touch_many(push: Push) -> None:
    there = some_there(push, 7)
    for number in range(1, 8):
        push.people.opted_out("sms", phone_e164=phone(number))
    push.server.once(403, "/api/v2/persons/", method="PATCH", times=6)
    done = push.suppress()
    assert done is not None
    assert (done.state, done.steps) == ("DONE", {"applied": 1, "failed": 6})
    assert push.person(there[6])["do_not_contact"] == ["sms"]


def test_an_update_without_an_answer_whose_person_we_may_not_read_fails_alone(push: Push) -> None:
    there = some_there(push, 2)
    push.plan()
    push.server.once("reset", f"/api/v2/persons/{there[0]}$", method="PATCH")
    push.server.once(403, f"/api/v2/persons/{there[0]}$", method="GET", skip=1)
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 1, "failed": 1})


def test_an_account_that_is_not_open_ends_the_apply_and_the_rest_waits(push: Push) -> None:
    some_there(push, 2)
    push.plan()
    push.server.control("account", {"state": "trial_expired"})
    with pytest.raises(ApiRefused, match="402"):
        push.apply()
    assert states(push) == ["waiting", "waiting"]
    push.server.control("account", {"state": "open"})
    assert push.apply().state == "DONE"


def test_a_crm_that_is_down_ends_the_apply_and_the_next_goes_on(push: Push) -> None:
    some_answered(push, 12)
    push.plan()
    push.limits(web_timeout_seconds=0.2)
    push.server.faults(rate=1.0, kinds=["503"], methods=["POST"])
    with pytest.raises(ApiUnavailable):
        push.apply()
    push.server.faults()
    done = push.apply()
    assert (done.state, done.steps) == ("DONE", {"applied": 12})
    assert len(push.everybody()) == 12


def test_the_commands_show_the_plan_and_what_became_of_it(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    some_there(push, 2)
    for name, value in push.environment().items():
        if name.startswith("CM_"):
            monkeypatch.setenv(name, value)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["crm", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    shown = run("plan")
    assert "cm_entity" in shown
    assert "tokens left today" in shown
    document = json.loads(run("plan", "--json", "--show", "1"))
    assert (document["counts"]["update"], document["tokens"], len(document["shown"])) == (2, 2 * 5 + 2, 1)
    assert {"field", "before", "after", "why", "winner"} == set(document["shown"][0]["changes"][0])
    applied = json.loads(run("apply", "--plan", document["plan_id"], "--json"))
    assert (applied["state"], applied["steps"], applied["usage"]["tokens"]) == ("DONE", {"applied": 2}, 12)
    assert json.loads(run("setup", "--json"))["made"] == []
    assert "knows of everybody" in run("suppress")
