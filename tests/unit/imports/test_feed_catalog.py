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


def test_each_state_with_a_list_of_its_own_has_a_feed() -> None:
    seeds = Path(str(cm_core.__file__)).resolve().parent.with_name("dbt_project") / "seeds" / "state_lists.csv"
    with seeds.open(newline="") as lines:
        lists = {row["list"] for row in csv.DictReader(lines)}
    sources = {load_feed(name).defaults.get("source") for name in feed_names() if name.startswith("dnc_")}
    assert sources == lists | {"national"}
