"""The feeds that come with the package, and what a declaration may say."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import cm_core
from cm_core.errors import UsageError
from cm_core.imports import feed_catalog
from cm_core.imports.feed_catalog import feed_names, load_feed
from cm_core.imports.registry import choose_feed

_VALID = "name: mine\ntarget: contacts\nschema_version: v1\ndescription: x\n"


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of feeds in place of the package's; write YAML files into it."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    monkeypatch.setattr(feed_catalog, "files", lambda package: tmp_path)
    load_feed.cache_clear()
    yield folder
    load_feed.cache_clear()


@pytest.mark.parametrize("name", feed_names())
def test_every_feed_loads_and_means_something(name: str) -> None:
    feed = load_feed(name)
    assert feed.name == name
    assert feed.requires_any
    assert feed.schema_version
    for field in [*feed.fields.values(), *feed.address_fields.values()]:
        assert field.synonyms or field.patterns
        for pattern in field.patterns:
            re.compile(pattern)
    known = {
        *feed.fields,
        *(f"{slot}.{part}" for slot in feed.address_prefixes.values() for part in feed.address_fields),
    }
    for declared in feed.mapping:
        assert declared in known or declared.startswith("identifier."), declared
    assert set(feed.requires_any) <= {*feed.fields, "address"}
    assert set(feed.requires) <= set(feed.fields)
    assert (feed.fact is not None) == (feed.target == "contact_facts")
    for columns in feed.mapping.values():
        assert feed.select or all(column in feed.columns or column.startswith("column_") for column in columns)


def test_no_synonym_means_two_fields() -> None:
    for name in feed_names():
        seen: dict[str, str] = {}
        for field, declared in load_feed(name).fields.items():
            for synonym in declared.synonyms:
                text = re.sub("[^a-z0-9]", "", synonym.lower())
                assert seen.setdefault(text, field) == field, f"{name}: {synonym!r} is {field} and {seen[text]}"


def test_the_promised_feeds_are_there() -> None:
    promised = {"contacts", "dnc_registry", "opt_outs", "campaigns", "touchpoints"}
    assert promised <= set(feed_names())
    assert {load_feed(name).target for name in feed_names()} == promised | {"contact_facts"}
    facts = {rule.name for name in feed_names() if (rule := load_feed(name).fact)}
    assert facts == {
        "litigator", "reassigned", "wireless", "mail_suppression", "deceased", "consent", "relationship",
        "privacy_deletion",
    }  # fmt: skip


def test_an_unknown_feed_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"Unknown feed 'contact'. Known feeds: .*, contacts, .*, dnc_registry, "):
        load_feed("contact")


@pytest.mark.parametrize("name", ["../contacts", "contacts.yaml", "", "CONTACTS"])
def test_a_feed_is_known_by_its_exact_name_only(name: str) -> None:
    with pytest.raises(UsageError, match="Unknown feed"):
        load_feed(name)


@pytest.mark.parametrize(
    ("extra", "where"),
    [
        ("colour: red\n", "colour"),
        ("format: {delimeter: ','}\n", "format.delimeter"),
        ("fields: {phone: {synonym: [x]}}\n", "fields.phone.synonym"),
        ("format: {header: perhaps}\n", "format.header"),
    ],
)
def test_a_key_that_nobody_reads_is_refused(declare: Path, extra: str, where: str) -> None:
    (declare / "mine.yaml").write_text(_VALID + extra)
    with pytest.raises(UsageError, match=f"Feed 'mine' is not declared correctly at {re.escape(where)}"):
        load_feed("mine")


def test_a_target_that_does_not_exist_is_refused(declare: Path) -> None:
    (declare / "mine.yaml").write_text(_VALID.replace("contacts", "people"))
    with pytest.raises(UsageError, match="not declared correctly at target"):
        load_feed("mine")


def test_a_feed_that_extends_another_adds_to_it(declare: Path) -> None:
    (declare / "base.yaml").write_text(
        _VALID.replace("mine", "base")
        + "requires_any: [phone]\nfilenames: ['base*']\nfields: {phone: {synonyms: [tel]}}\n"
    )
    (declare / "mine.yaml").write_text(_VALID + "extends: base\ncolumns: [A]\nmapping: {phone: [A]}\n")
    feed = load_feed("mine")
    assert (feed.requires_any, feed.fields["phone"].synonyms) == (("phone",), ("tel",))
    assert (feed.columns, feed.filenames) == (("A",), ())


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("owners.csv", "contacts"), ("National_DNC_2026.csv", "dnc_registry"), ("opt-outs.csv", "opt_outs"),
        ("2026-09-01_405_1A2B.txt", "dnc_registry"), ("405_20260901.zip", "dnc_registry"), ("405_2026.csv", "contacts"),
        ("Texas_DNC_2026.csv", "dnc_tx_state"), ("tx_dnc.txt", "dnc_tx_state"), ("dnc_ok_to_call.csv", "dnc_registry"),
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
        ("ringcentral_calls_20260914T000000_r1.jsonl", "ringcentral_calls"),
        ("ringcentral_messages_20260914T000000_r1.jsonl", "ringcentral_messages"),
        ("ringcentral_consents_20260914T000000_r1.jsonl", "ringcentral_consents"),
    ],
)  # fmt: skip
def test_a_file_nobody_named_a_feed_for_is_known_by_its_name(name: str, feed: str) -> None:
    assert choose_feed(name) == feed


def test_a_folder_called_like_a_feed_decides() -> None:
    assert choose_feed("owners.csv", ("2026", "dnc_registry")) == "dnc_registry"
    assert choose_feed("unsubscribed.csv", ("contacts",)) == "contacts"


def test_each_state_with_a_list_of_its_own_has_a_feed() -> None:
    seeds = Path(str(cm_core.__file__)).resolve().parent.with_name("dbt_project") / "seeds" / "state_lists.csv"
    with seeds.open(newline="") as lines:
        lists = {row["list"] for row in csv.DictReader(lines)}
    sources = {load_feed(name).defaults.get("source") for name in feed_names() if name.startswith("dnc_")}
    assert sources == lists | {"national"}
