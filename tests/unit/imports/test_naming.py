"""The feed of a file by its name, and what names leave open."""

from __future__ import annotations

import pytest

from cm_core.imports.naming import Choice, choose_feed


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("owners.csv", "contacts"), ("National_DNC_2026.csv", "dnc_registry"), ("opt-outs.csv", "opt_outs"),
        ("2026-09-01_405_1A2B.txt", "dnc_registry"), ("405_20260901.zip", "dnc_registry"), ("405_2026.csv", "contacts"),
        ("Texas_DNC_2026.csv", "dnc_tx_state"), ("tx_dnc.txt", "dnc_tx_state"),
        ("internal_dnc_list.csv", "internal_dnc"), ("Company DNC.xlsx", "internal_dnc"),
        ("our dnc.csv", "internal_dnc"),
        ("DNC requests.csv", "internal_dnc"), ("do_not_call_requests.csv", "internal_dnc"),
        ("mojo dnc export.csv", "internal_dnc"), ("Texas internal DNC.csv", "internal_dnc"),
        ("Wyoming no-call list.csv", "dnc_wy_state"), ("texas_nov_calls.csv", "contacts"),
        ("unsubscribed.csv", "opt_outs"), ("VOTER_NY.csv", "voter_ny"), ("voter_pa_2026.txt", "voter_pa"),
        ("voter_oh.csv", "contacts"), ("campaigns.csv", "campaigns"), ("campaigns_2026.csv", "campaigns"),
        ("campaign_leads_q1_2026.csv", "contacts"), ("campaign_2026_q1.csv", "contacts"),
        ("touchpoints_march.csv", "touchpoints"), ("call_log.csv", "call_history"), ("sms_sent.csv", "sms_history"),
        ("email_history.csv", "email_history"), ("mail_history_2025.csv", "mail_history"),
        ("sms_opt_outs.csv", "opt_outs"), ("mailing_list.csv", "contacts"),
        ("tcpa_litigators.csv", "litigators"), ("rnd_answers.csv", "reassigned_numbers"),
        ("ported_to_wireless.txt", "wireless"), ("mail_suppression_2026.csv", "mail_suppression"),
        ("DMAchoice_march.csv", "mail_suppression"), ("deceased_2026.csv", "deceased"),
        ("deceased_owners_heirs.csv", "contacts"), ("web_consents.csv", "consents"), ("ebr_2026.csv", "relationships"),
        ("privacy_deletions.csv", "privacy_deletions"), ("privacy_notice_mailing.csv", "contacts"),
        ("contacts_exported.csv", "contacts"), ("imported_owners.csv", "contacts"), ("Reported wells.csv", "contacts"),
        ("Numbers Ported to Wireless.csv", "wireless"), ("Optimized Outreach List.csv", "contacts"),
        ("option_outreach.csv", "touchpoints"), ("co-op_routes.csv", "contacts"), ("Mail catalog.csv", "contacts"),
        ("owners_dnc_scrubbed.csv", "contacts"), ("non-DNC owners.csv", "contacts"), ("Non DNC.csv", "contacts"),
        ("Do Not Call List.csv", "dnc_registry"), ("DO NOT CALL 2026.csv", "dnc_registry"),
        ("DoNotCall-2026.csv", "dnc_registry"), ("No Call List.csv", "dnc_registry"), ("DNC2026.TXT", "dnc_registry"),
        ("owners.dnc.csv", "dnc_registry"), ("Texas Do Not Call.csv", "dnc_tx_state"), ("dnc_in.csv", "dnc_in_state"),
        ("do not contact.csv", "opt_outs"), ("Do not mail.csv", "mail_suppression"), ("Opt Outs 2026.csv", "opt_outs"),
        ("email_suppression.csv", "opt_outs"), ("e-mail history.csv", "email_history"),
        ("sakila-db.sql", "sakila_customers"), ("sakila.sql.gz", "sakila_customers"), ("sakila.csv", "contacts"),
        ("duplicates removed.csv", "contacts"), ("Section 5 Block 3 owners.csv", "contacts"),
        ("email_bounce_log.csv", "email_history"), ("mineral owners vs tax roll.csv", "contacts"),
        ("ringcentral_calls_20260914T000000_r1.jsonl", "ringcentral_calls"),
        ("ringcentral_messages_20260914T000000_r1.jsonl", "ringcentral_messages"),
        ("ringcentral_consents_20260914T000000_r1.jsonl", "ringcentral_consents"),
    ],
)  # fmt: skip
def test_a_file_nobody_named_a_feed_for_is_known_by_its_name(name: str, feed: str) -> None:
    choice = choose_feed(name)
    assert (choice.feed, choice.refusal) == (feed, None)


def test_a_folder_called_like_a_feed_decides() -> None:
    for folder in ("opt_outs", "opt-outs", "Opt_Outs", "OPT_OUTS", "opt outs", "OptOuts"):
        assert choose_feed("owners.csv", folders=("2026", folder)) == Choice("opt_outs")
    assert choose_feed("unsubscribed.csv", folders=("contacts",)) == Choice("contacts")


@pytest.mark.parametrize(
    "name",
    [
        "Do Not Text.csv", "don't call.csv", "STOP list.csv", "unsubs june.csv", "sms_stop.csv", "My DNCs.csv",
        "Do not call log.csv", "dnc_ok_to_call.csv", "dnc_cleaned.csv", "dnc scrubbed hits.csv", "opt outs removed.csv",
        "litigator_scrubbed.csv", "no wireless.csv", "owners after opt-outs.csv", "bounced emails.csv",
        "blacklist.xlsx", "Wrong numbers.csv",
    ],
)  # fmt: skip
def test_a_name_that_speaks_of_people_not_to_contact_and_does_not_say_which_list_it_is_is_refused(name: str) -> None:
    refusal = choose_feed(name).refusal
    assert refusal is not None
    assert repr(name) in refusal
    assert "--feed" in refusal
    assert choose_feed(name, folders=("opt_outs",)) == Choice("opt_outs")


def test_so_is_a_folder_that_speaks_of_them_where_the_file_does_not_say_more() -> None:
    assert "'DNC'" in str(choose_feed("june.csv", folders=("2026", "DNC")).refusal)
    assert choose_feed("opt_outs.csv", folders=("DNC",)) == Choice("opt_outs", by_name=True)


def test_a_name_that_says_nothing_tells_nothing() -> None:
    assert choose_feed("owners.csv") == Choice("contacts")
    assert choose_feed("opt_outs.csv") == Choice("opt_outs", by_name=True)
