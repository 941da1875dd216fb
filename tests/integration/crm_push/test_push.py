"""What a plan finds and what an apply makes of it, against a Pipedrive of our own and a real database."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from cm_core import crm
from cm_core.compliance import privacy
from cm_core.compliance.subjects import Subject
from cm_core.crm import people, settlements
from cm_core.crm.population import MartsMissing
from cm_core.crm.setup import set_up
from cm_core.crm.suppressions import plan_suppressions
from cm_core.errors import SettingsError, UsageError
from cm_core.lake import lake
from cm_core.web import ApiError, ApiRefused
from tests.integration.crm_push.conftest import Push, phone
from tests.integration.dbt.people import NEW

OURS = {"cm_entity", "cm_call", "cm_text", "cm_email", "cm_mail", "cm_checked"}


def test_who_is_in_step_gets_our_own_fields_once(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),), address="1 MAIN ST, ENID, OK 73701")
    push.pull()
    push.known(1, ann, phones=[phone(1)], street="1 MAIN ST")
    plan = push.plan()
    (step,) = push.steps(plan)
    assert (step.action, step.crm_person_id) == ("update", ann)
    assert set(step.fields) == OURS
    push.apply(plan.plan_id)
    found = push.person(ann)
    assert found["cm_entity"] == "1"
    assert found["cm_call"] == f"Yes: {phone(1)}"
    assert found["cm_email"] == "No: no e-mail address is known"
    assert found["cm_checked"] == "2026-03-02"
    again = push.plan()
    assert (again.counts["nothing"], again.counts["update"], again.tokens, again.state) == (1, 0, 0, "DONE")
    before = push.landed("pipedrive_persons")
    push.pull()
    assert push.landed("pipedrive_persons") == before, "the echo of our own write is no change"


def test_ours_is_added_and_what_they_removed_stays_away(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1), phone(2)), emails=("ann@x.org",))
    push.pull()
    push.known(1, ann, phones=[phone(1), phone(2), phone(3)], emails=["ann@x.org"])
    push.push()
    assert push.person(ann)["phones"] == [phone(1), phone(2), phone(3)]
    push.server.edit(ann, phones=[{"value": phone(1), "label": "home", "primary": True}])
    push.pull()
    push.people.phone(1, phone(4), at=NEW)
    push.push()
    found = push.server.person(ann)
    assert [(p["value"], p["label"]) for p in found["phones"]] == [(phone(1), "home"), (phone(4), "other")]
    assert ("phones", "both", "union") in push.rules()


def test_what_was_removed_before_anything_was_planned_stays_away(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1), phone(2)))
    push.pull()
    push.known(1, ann, phones=[phone(1), phone(2)])
    push.server.edit(ann, phones=[{"value": phone(1)}])
    push.pull()
    push.push()
    assert push.person(ann)["phones"] == [phone(1)]


def test_a_persons_edit_beats_a_newer_list_and_comes_back_to_us(push: Push) -> None:
    ann = push.renamed_on_both_sides()
    plan = push.plan()
    assert plan.counts["asked"] == 1, "the changelog tells whether it was a person"
    assert plan.counts["settled_for_the_crm"] == 1
    assert push.rules()[-1] == ("name", "theirs", "manual_edit")
    (line,) = push.landed("settled")
    assert (line["id"], line["name"], line["phones"], line["settled"]) == (ann, "Annie Lee", [], ["name"])
    assert line["update_time"] == "2026-03-02T13:00:01Z", "later than what it won against, whatever the clocks say"
    push.apply()
    assert push.person(ann)["name"] == "Annie Lee"
    again = push.plan()
    assert again.counts.get("asked", 0) == again.counts.get("settled_for_the_crm", 0) == 0, "settled once"
    push.people.run(
        "update persons set first_name = 'Anita', name_source_date = %s where id = 1", ("2026-03-02 14:00:00",)
    )
    assert push.plan().counts.get("asked", 0) == 0, "what the changelog said is kept"
    push.apply()
    assert push.person(ann)["name"] == "Annie Lee"


def test_an_address_that_was_edited_there_comes_back_with_the_name_we_have(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),), address="1 MAIN ST, ENID, OK 73701")
    push.pull()
    push.known(1, ann, phones=[phone(1)], street="1 MAIN ST")
    push.push()
    code = push.fields.codes["mailing_address"]
    push.server.edit(ann, custom_fields={code: {"value": "9 Elm St, Enid, OK 73701"}})
    push.pull()
    push.people.address(1, "5 OAK ST", at="2026-03-02 13:00:00")
    push.push()
    assert push.person(ann)["mailing_address"] == "9 Elm St, Enid, OK 73701"
    (line,) = push.landed("settled")
    assert (line["settled"], line["name"]) == (["address"], "Ann Lee")
    assert line["mailing_address"]["value"] == "9 Elm St, Enid, OK 73701"


def test_of_two_automatic_values_the_newer_wins(push: Push) -> None:
    ann, bob = push.there("Ann Lee", phones=(phone(1),)), push.there("Bob Lee", phones=(phone(2),))
    push.pull()
    push.known(1, ann, phones=[phone(1)]), push.known(2, bob, ("Bob", "Lee"), phones=[phone(2)])
    push.push()
    push.server.edit(ann, name="Annie Lee", change_source="api", user_id=3)
    push.server.edit(bob, name="Bobby Lee", change_source="api", user_id=3)
    push.pull()
    push.listed(1, "Anna", "2026-03-02 13:00:00")
    push.listed(2, "Robert", "2026-03-02 09:00:00")
    push.push()
    assert push.person(ann)["name"] == "Anna Lee"
    assert push.person(bob)["name"] == "Bobby Lee"
    assert {("name", "ours", "newer"), ("name", "theirs", "newer")} <= set(push.rules())


def renamed_by_a_program(push: Push) -> int:
    """It was a program there."""
    return push.renamed_on_both_sides(change_source="api", user_id=3)


def test_who_gave_a_name_that_we_may_not_ask_about_stays_unknown_and_the_plan_goes_on(push: Push) -> None:
    renamed_by_a_program(push)
    push.server.once(403, "changelog", body='{"success": false, "error": "Forbidden"}')
    plan = push.plan()
    assert (plan.counts["author_unknown"], plan.counts.get("asked", 0)) == (1, 0)


def test_without_tokens_to_ask_theirs_stays_until_there_are(push: Push) -> None:
    ann = renamed_by_a_program(push)
    budget = push.settings.pipedrive_daily_tokens
    push.limits(pipedrive_daily_tokens=3_000 + 100)
    assert push.plan().counts["author_unknown"] == 1
    push.limits(pipedrive_daily_tokens=budget)
    push.push()
    assert push.person(ann)["name"] == "Anna Lee"


def test_what_was_edited_between_plan_and_apply_is_not_written_over(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.push()
    push.listed(1, "Anna", NEW)
    push.people.phone(1, phone(3), at=NEW)
    plan = push.plan()
    push.server.edit(ann, name="Annie Lee", phones=[{"value": phone(1)}, {"value": phone(9)}])
    push.apply(plan.plan_id)
    found = push.person(ann)
    assert found["name"] == "Annie Lee"
    assert found["phones"] == [phone(1), phone(9), phone(3)]
    push.pull()
    assert any(line["name"] == "Annie Lee" for line in push.landed("pipedrive_persons"))


def test_who_answered_is_created_once(push: Push) -> None:
    push.known(1, phones=[phone(1)], emails=["ann@x.org"], street="1 MAIN ST"), push.answered(1)
    push.known(2, name=("Bob", "Ray"), phones=[phone(2)])
    plan = push.plan()
    (step,) = push.steps(plan)
    assert (step.action, step.entity_id, step.tokens) == ("create", 1, 5)
    done = push.apply(plan.plan_id)
    assert (done.state, done.applied, done.linked) == ("DONE", 1, 1)
    (ann,) = push.everybody()
    found = push.person(ann["id"])
    assert (found["name"], found["phones"], found["emails"]) == ("Ann Lee", [phone(1)], ["ann@x.org"])
    assert (found["mailing_address"], found["cm_entity"]) == ("1 MAIN ST, ENID, OK 73701", "1")
    assert push.people.rows("select person_id, id_value from person_identifiers") == [(1, str(ann["id"]))]
    push.pull()
    assert push.landed("pipedrive_persons") == [], "all of it is ours: it would only get a newer date"
    again = push.plan()
    assert (again.counts["create"], again.counts["update"], again.counts["nothing"]) == (0, 0, 1)


def test_who_was_deleted_there_is_not_created_again(push: Push) -> None:
    push.known(1, phones=[phone(1)]), push.answered(1)
    push.push()
    (ann,) = push.everybody()
    push.server.control(f"persons/{ann['id']}", method="DELETE")
    plan = push.plan()
    push.apply(plan.plan_id)
    again = push.plan()
    assert again.counts["create"] == 0
    assert push.everybody() == []


@pytest.mark.parametrize("fact", ["deceased", "privacy_deletion"])
def test_who_must_not_be_there_is_not_created(push: Push, fact: str) -> None:
    push.known(1, phones=[phone(1)]), push.answered(1)
    push.people.fact(fact, "person", "1", person_id=1)
    push.known(2, entity_type="organization", organization_name="LEE LLC", phones=[phone(2)]), push.answered(2)
    push.known(3, phones=[phone(3)]), push.answered(3), push.people.opted_out("all", person_id=3)
    push.known(4), push.answered(4)
    plan = push.plan()
    assert plan.counts["create"] == 0
    assert plan.counts["left_out"] == {
        "deceased, or had their data deleted": 1,
        "organisations are not created": 1,
        "may not be contacted at all": 1,
        "without a name or a contact point": 1,
    }


def test_several_people_there_become_one_and_nothing_is_lost(push: Push) -> None:
    """The fake CRM fills only what the survivor lacks: what the other had comes back from us."""
    one = push.there("Ann Lee", phones=(phone(1),), emails=("ann@x.org",), do_not_contact=["sms"])
    two = push.there("A. Lee", phones=(phone(2),), emails=("a@y.org",), do_not_contact=["mail"])
    push.server.control("deals", {"title": "Lease", "person_id": two})
    push.pull()
    push.known(1, one, phones=[phone(1)], emails=["ann@x.org"])
    push.known(2, two, ("A.", "Lee"), golden=1, original=0, phones=[phone(2)], emails=["a@y.org"])
    plan = push.plan()
    assert [(s.action, s.crm_person_id, s.merge_with_id) for s in push.steps(plan)][0:1] == [("merge", one, two)]
    assert push.steps(plan)[0].changes[0]["why"] == "open_deals"
    done = push.apply(plan.plan_id)
    assert (done.state, done.steps) == ("DONE", {"applied": 2})
    found = push.person(two)
    assert push.person(one)["is_deleted"]
    assert set(found["phones"]) == {phone(1), phone(2)}
    assert set(found["emails"]) == {"ann@x.org", "a@y.org"}
    assert found["do_not_contact"] == ["mail", "sms"]
    assert push.people.rows("select state, merged_into from crm_persons where crm_person_id = %s", (one,)) == [
        ("merged", two)
    ]
    again = push.plan()
    assert (again.counts["merge"], again.counts["update"]) == (0, 0)


def test_who_was_edited_before_a_merge_comes_in_first(push: Push) -> None:
    one, two = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Lee", phones=(phone(2),))
    push.pull()
    push.known(1, one, phones=[phone(1)]), push.known(2, two, golden=1, original=0, phones=[phone(2)])
    plan = push.plan()
    push.server.edit(two, phones=[{"value": phone(2)}, {"value": phone(7)}])
    push.apply(plan.plan_id)
    assert not push.person(two)["is_deleted"]
    push.pull()
    push.people.phone(2, phone(7))
    push.push()
    assert push.person(two)["is_deleted"]
    assert set(push.person(one)["phones"]) == {phone(1), phone(2), phone(7)}


@pytest.mark.parametrize("by", ["webhook", "reconcile"])
def test_what_was_removed_from_one_whom_others_merged_stays_removed(push: Push, by: str) -> None:
    one = push.there("Ann Lee", phones=(phone(1), phone(2)), emails=("ann@x.org",))
    two = push.there("Ann Lee", phones=(phone(3),))
    push.pull()
    push.known(1, one, phones=[phone(1), phone(2)], emails=["ann@x.org"])
    push.known(2, two, ("Anna", "Lee"), phones=[phone(3)])
    push.push()
    push.server.edit(one, phones=[{"value": phone(2)}])
    push.pull()
    push.server.control(f"persons/{one}/merge", {"merge_with_id": two})
    said = {"merged_to_id": two}
    push.people.run(
        "insert into crm_webhooks (event_id, entity, crm_id, action, meta, handled_at) "
        "values ('e1', 'person', %s, 'delete', %s, %s)",
        (one, json.dumps(said), None if by == "webhook" else "2026-03-02"),
    )
    if by == "webhook":
        crm.handle_events(push.settings, push.database)
    else:
        crm.reconcile(push.settings, push.database)
    push.people.run("update persons set entity_id = 2, is_original = (id = 2) where id in (1, 2)")
    push.push()
    found = push.person(two)
    assert set(found["phones"]) == {phone(2), phone(3)}, "the number that was removed is back"
    assert found["emails"] == ["ann@x.org"], "what the other still had comes back from us"
    assert (push.plan().counts["update"], push.plan().counts["merge"]) == (0, 0)


def test_requests_not_to_be_contacted_go_at_once_and_from_the_reserve(push: Push) -> None:
    ann, bob, cid = (
        push.there(name, phones=(phone(n),)) for n, name in enumerate(("Ann Lee", "Bob Ray", "Cid Fox"), 1)
    )
    push.pull()
    push.known(1, ann, phones=[phone(1)]), push.known(2, bob, ("Bob", "Ray"), phones=[phone(2)])
    push.known(3, cid, ("Cid", "Fox"), phones=[phone(3)])
    assert push.suppress() is None
    push.people.opted_out("sms", phone_e164=phone(1)), push.people.fact("litigator", "phone", phone(2))
    push.people.fact("deceased", "person", "3", person_id=3)
    push.limits(pipedrive_daily_tokens=3_000, pipedrive_reserve_tokens=3_000)
    done = push.suppress()
    assert done is not None
    assert (done.state, done.applied) == ("DONE", 3)
    said = [push.person(who)["do_not_contact"] for who in (ann, bob, cid)]
    assert said == [["sms"], ["call", "sms"], ["call", "email", "mail", "sms"]]
    assert push.suppress() is None
    push.server.edit(ann, custom_fields={push.fields.codes["do_not_contact"]: None})
    push.limits(pipedrive_daily_tokens=1_000_000)
    push.pull()
    push.suppress()
    assert push.person(ann)["do_not_contact"] == ["sms"], "ticked off there, it is ticked again"
    assert push.landed("pipedrive_opt_outs") == [], "what we said is not news of theirs"


def test_who_had_their_data_deleted_is_closed_there_and_nothing_is_kept(push: Push) -> None:
    ann, bob = push.there("Ann Lee", phones=(phone(1),)), push.there("Bob Ray", phones=(phone(2),))
    push.pull()
    push.known(1, ann, phones=[phone(1)]), push.known(2, bob, ("Bob", "Ray"), phones=[phone(2)])
    push.push()
    assert push.person(ann)["cm_call"] == f"Yes: {phone(1)}"
    done = privacy.forget(push.settings, push.database, Subject("person", "1"), reason="asked")
    assert done.crm_persons == [ann]
    push.server.once("reset", f"/api/v2/persons/{ann}", method="PATCH")
    with pytest.raises(ApiError):
        push.suppress()
    push.suppress()
    found = push.person(ann)
    assert found["do_not_contact"] == ["call", "email", "mail", "sms"]
    assert {found[name] for name in ("cm_call", "cm_text", "cm_email", "cm_mail")} == {"No: data deleted"}
    assert push.person(bob)["cm_call"] == f"Yes: {phone(2)}"
    row = push.people.rows("select state, record, pushed from crm_persons where crm_person_id = %s", (ann,))
    assert row == [("erased", f'{{"id": {ann}}}', None)]
    before = push.server.usage()["calls_by_path"]
    push.suppress()
    assert push.server.usage()["calls_by_path"] == before, "once"


def test_who_may_not_be_closed_there_is_named_and_the_rest_are_closed(push: Push) -> None:
    ann, bob = push.there("Ann Lee", phones=(phone(1),)), push.there("Bob Ray", phones=(phone(2),))
    push.pull()
    push.known(1, ann, phones=[phone(1)]), push.known(2, bob, ("Bob", "Ray"), phones=[phone(2)])
    for person_id in ("1", "2"):
        privacy.forget(push.settings, push.database, Subject("person", person_id), reason="asked")
    closed = ["call", "email", "mail", "sms"]
    push.server.once(403, f"/api/v2/persons/{ann}", method="PATCH")
    with pytest.raises(ApiRefused, match=rf"403.*[Dd]elete them there.*: persons {ann}\.$"):
        push.suppress()
    assert push.person(bob)["do_not_contact"] == closed, "the refusal of one does not hold up another"
    assert push.person(ann)["do_not_contact"] != closed
    push.suppress()
    assert push.person(ann)["do_not_contact"] == closed, "tried again next time"


@pytest.mark.parametrize("action", ["update", "create", "merge"])
def test_what_nobody_knows_the_end_of_does_not_hold_up_requests_not_to_be_contacted(push: Push, action: str) -> None:
    """An ordinary request went unanswered, then the ordinary tokens were gone: it is looked up from the reserve."""
    ann, bob = push.there("Ann Lee", phones=(phone(1),)), push.there("Bob Ray", phones=(phone(2),))
    more = push.there("Bob Ray", phones=(phone(3),))
    push.pull()
    push.known(1, ann, phones=[phone(1)]), push.known(2, bob, ("Bob", "Ray"), phones=[phone(2)])
    if action == "merge":
        push.known(3, more, ("Bob", "Ray"), golden=2, original=0, phones=[phone(3)])
    push.known(4, name=("Cid", "Fox"), phones=[phone(4)]), push.answered(4)
    push.plan()
    push.people.run(
        "update crm_steps set state = 'sending', attempts = 1, sent_at = timestampadd(minute, -5, utc_timestamp()) "
        "where action = %s and entity_id <> 1", (action,)
    )  # fmt: skip
    push.people.opted_out("sms", phone_e164=phone(1))
    push.limits(pipedrive_daily_tokens=3_000, pipedrive_reserve_tokens=3_000)
    done = push.suppress()
    assert done is not None
    assert (done.state, done.applied) == ("DONE", 1)
    assert push.person(ann)["do_not_contact"] == ["sms"]


def test_what_they_say_is_kept_there_whatever_we_know(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),), do_not_contact=["mail"])
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.people.opted_out("call", phone_e164=phone(1))
    push.push()
    assert push.person(ann)["do_not_contact"] == ["call", "mail"]
    assert push.person(ann)["cm_call"] == "No: Somebody asked not to be called at this number"


def test_a_request_is_about_what_we_add_later(push: Push) -> None:
    """Ticked where the CRM has no phone and no address: once we have put them there, the request is about them."""
    ann = push.there("Ann Lee", emails=("ann@x.org",), do_not_contact=["call", "mail"])
    push.pull()
    assert push.landed("pipedrive_opt_outs") == []
    push.known(1, ann, phones=[phone(1)], emails=["ann@x.org"], street="1 MAIN ST")
    push.people.opted_out("email", email_key="ann@x.org")
    push.push()
    assert push.person(ann)["phones"] == [phone(1)]
    assert push.person(ann)["do_not_contact"] == ["call", "email", "mail"]
    push.pull()
    lines = [(line["channel"], line.get("phone"), line.get("address")) for line in push.landed("pipedrive_opt_outs")]
    assert lines == [("call", phone(1), None), ("mail", None, "1 MAIN ST, ENID, OK 73701")], "and not what we said"
    push.pull()
    assert len(push.landed("pipedrive_opt_outs")) == 2


def test_a_request_that_was_taken_back_before_it_landed_lands_when_it_is_put_back(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.push()
    push.pull()
    push.server.edit(
        ann, custom_fields={push.fields.codes["do_not_contact"]: push.fields.option_ids("do_not_contact", ["call"])}
    )
    push.read(ann)
    push.server.edit(ann, custom_fields={push.fields.codes["do_not_contact"]: None})
    push.read(ann)
    push.push()
    assert push.person(ann)["do_not_contact"] == ["call"]
    push.pull()
    assert [(line["channel"], line["phone"]) for line in push.landed("pipedrive_opt_outs")] == [("call", phone(1))]


def test_a_request_is_about_what_we_add_later_though_a_pull_reads_it_first(push: Push) -> None:
    """The process is killed before it sees the reply; what it asked for itself is not news all the same."""
    ann = push.there("Ann Lee", emails=("ann@x.org",), do_not_contact=["call"])
    push.pull()
    said = push.fields.option_ids("do_not_contact", ["call", "email"])
    body = {
        "phones": [{"value": phone(1), "label": "home", "primary": True}],
        "custom_fields": {push.fields.codes["do_not_contact"]: said},
    }
    with crm.pipedrive(push.settings, push.database, purpose="test") as client, push.database.connect() as connection:
        crm.about_to_write(connection, ann, body, push.fields)
        connection.commit()
        client.update_person(ann, body)
    push.pull()
    assert [(line["channel"], line["phone"]) for line in push.landed("pipedrive_opt_outs")] == [("call", phone(1))]


def test_consent_given_again_opens_the_channel_for_the_next_who_is_planned(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.people.opted_out("sms", phone_e164=phone(1))
    push.people.fact("reconsent", "phone", phone(1), channel="sms", at=f"{NEW[:10]} 15:00:00")
    assert push.suppress() is not None, "they asked on that day, nobody knows when"
    push.people.fact("reconsent", "phone", phone(1), channel="sms", at="2026-02-02 00:00:00")
    assert push.suppress() is None


def test_a_plan_that_looked_earlier_leaves_what_was_planned_since(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a plan takes minutes: somebody asks, and is planned for, before it is written."""
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    land = settlements.land

    def meanwhile(*arguments: Any, **more: Any) -> None:
        push.people.opted_out("call", phone_e164=phone(1))
        assert plan_suppressions(push.settings, push.database, push.fields, requested_by="meanwhile")
        land(*arguments, **more)

    monkeypatch.setattr(settlements, "land", meanwhile)
    plan = push.plan()
    assert (plan.state, plan.counts["update"]) == ("READY", 1)
    push.apply(plan.plan_id)
    assert push.person(ann)["do_not_contact"] == ["call"]


def test_renamed_fields_and_options_lose_nothing(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.renamed("do_not_contact", name="Leave alone", call="phone calls")
    push.server.edit(ann, custom_fields={push.fields.codes["do_not_contact"]: push.option("call")})
    push.pull()
    assert [(line["channel"], line["phone"]) for line in push.landed("pipedrive_opt_outs")] == [("call", phone(1))]
    push.people.opted_out("sms", phone_e164=phone(1))
    push.suppress()
    assert push.person(ann)["do_not_contact"] == ["call", "sms"]
    with crm.pipedrive(push.settings, push.database, purpose="setup") as client:
        again = set_up(push.settings, push.database, client)
    assert (again.made, again.options_added) == ([], {}), "no second field, no second option"


def test_an_option_that_is_newer_than_the_fields_we_know_is_not_unticked(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    push.people.opted_out("sms", phone_e164=phone(1))
    code = push.fields.codes["do_not_contact"]
    options = push.server.control(f"fields/{code}", {})["options"]
    push.server.control(f"fields/{code}", {"options": [*options, {"id": 77, "label": "fax"}]})
    push.server.edit(ann, custom_fields={code: [77]})
    push.suppress()
    assert push.server.person(ann)["custom_fields"][code] == [*push.option("sms"), 77]
    found = crm.pull_day(push.settings, push.database, date(2026, 3, 2))
    assert found.not_understood == ("fax",)


def test_without_our_options_nothing_goes_out_and_nothing_comes_in(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),), do_not_contact=["call"])
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    code = push.fields.codes["do_not_contact"]
    options = push.server.control(f"fields/{code}", {})["options"]
    push.server.control(f"fields/{code}", {"options": [each for each in options if each["label"] != "call"]})
    push.server.edit(ann, custom_fields={code: None})  # with an option go its ticks
    push.refresh()
    for act in (push.plan, push.suppress, push.pull):
        with pytest.raises(SettingsError, match="cm crm setup"):
            act()
    with crm.pipedrive(push.settings, push.database, purpose="setup") as client:
        assert set_up(push.settings, push.database, client).options_added == {"Do not contact": ["call"]}
    push.pull()
    push.push()
    assert "call" in push.refresh().value(crm.normal(push.server.person(ann)), "do_not_contact")


def test_a_newer_plan_supersedes_what_waits(push: Push) -> None:
    ann = push.there("Ann Lee", phones=(phone(1),))
    push.pull()
    push.known(1, ann, phones=[phone(1)])
    first = push.plan()
    second = push.plan()
    assert [step.state for step in push.steps(first)] == ["superseded"]
    assert push.apply(first.plan_id).state == "SUPERSEDED"
    assert push.apply(second.plan_id).state == "DONE"
    assert push.apply(second.plan_id).applied == 0, "done is done"


def test_one_person_of_two_entities_is_one_entitys(push: Push) -> None:
    """Merged there by hand: the other entity gets nobody new, and linkage finds the two by what they share now."""
    one, two = push.there("Ann Lee", phones=(phone(1),)), push.there("Ann Leigh", phones=(phone(2),))
    push.pull()
    push.known(1, one, phones=[phone(1)]), push.known(2, two, ("Ann", "Leigh"), phones=[phone(2)])
    push.answered(1), push.answered(2)
    push.server.control(f"persons/{one}/merge", {"merge_with_id": two})
    with push.database.connect() as connection, connection.cursor() as cursor:
        people.note_vanished(connection, one, state="merged", by="test", at=people.now(cursor), merged_into=two)
        connection.commit()
    plan = push.plan()
    assert plan.counts["create"] == 0
    assert plan.counts["left_out"] == {"whose CRM person is another's too": 1}
    assert {step.entity_id for step in push.steps(plan)} == {2}


def test_what_is_missing_is_said(push: Push) -> None:
    with pytest.raises(UsageError, match="cm crm plan"):
        push.apply("push_nothing")
    push.people.run("drop view crm_candidates")
    with pytest.raises(MartsMissing, match="crm_candidates"):
        push.plan()
    push.server.reset()
    lake(push.settings).put_bytes(b"[]", "crm/fields.json")
    with pytest.raises(SettingsError, match="cm crm setup"):
        push.plan()
