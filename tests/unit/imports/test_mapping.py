"""Which column is which field."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cm_core.errors import FileRejected
from cm_core.imports.feed_catalog import Feed, load_feed
from cm_core.imports.formats.table_set import unique_names
from cm_core.imports.mapping import Mapping, known_headers, map_columns, match_headers, squash


def _map(*headers: str, feed: str = "contacts") -> Mapping:
    return map_columns(headers, load_feed(feed))


def _fields(mapping: Mapping) -> dict[str, tuple[str, ...]]:
    """Headers by field; a phone's or identifier's label is part of its name."""
    return {f"{use.field}:{use.label}" if use.label else use.field: use.headers for use in mapping.uses}


def _header_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [field.strip() for field in next(csv.reader(lines))]


def test_squashed_headers_compare_by_letters_and_digits() -> None:
    assert squash(" E-Mail_Address (1) ") == "emailaddress1"
    assert squash("Owner #") == "ownernumber"
    assert squash("Ñame ÷") == "ame"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Owner Name", "full_name"), ("OWNER_NAME", "full_name"), ("owner-name", "full_name"), ("Lessor", "full_name"),
        ("First Name", "first_name"), ("FNAME", "first_name"), ("Last", "last_name"), ("Surname", "last_name"),
        ("M.I.", "middle_name"), ("Suffix", "name_suffix"), ("Company", "organization"), ("Attn", "contact_name"),
        ("DOB", "date_of_birth"), ("Last Updated", "source_date"), ("E-mail", "email"), ("Email Address 2", "email"),
        ("E-mail 2 Address", "email"), ("E-mail 1 - Value", "email"), ("Phone 1 - Value", "phone"),
        ("Owner 1 First Name", "first_name"), ("Owner 1 Last Name", "last_name"), ("Unit #", ".line2"),
        ("Apt No.", ".line2"), ("Suite Number", ".line2"), ("Apt/Unit", ".line2"), ("Mailing Unit #", "mailing.line2"),
        ("State/Region", ".state"), ("Address 1 - Postal Code", ".zip"), ("Address 1", ".line1"),
    ],
)  # fmt: skip
def test_headers_are_known_by_their_synonyms(header: str, field: str) -> None:
    beside = ("Mailing Address",) if field.startswith("mailing") else ()
    assert next(use.field for use in _map(header, "Phone", *beside).uses if use.headers == (header,)) == field


@pytest.mark.parametrize(
    ("written", "streets", "raw"),
    [
        ("Address,City,State,Zip,Address,City,State,Zip", {".line1": "Address", "#2.line1": "Address_2"}, ()),
        ("Address,Zip,Address,Zip", {".line1": "Address", "#2.line1": "Address_2"}, ()),
        ("Mailing City,Mailing Address,Mailing City,Mailing Address",
         {"mailing.line1": "Mailing Address", "mailing#2.line1": "Mailing Address_2"}, ()),
        ("Address1,City1,Zip1,Address2,City2,Zip2", {".line1": "Address1", "#2.line1": "Address2"}, ()),
        ("Address,City,Address.1,City.1", {".line1": "Address", "#1.line1": "Address.1"}, ()),
        ("Address,Address,City,Zip", {".line1": "Address"}, ("Address_2",)),
        ("Address,City,Zip,City", {".line1": "Address"}, ("City_2",)),
        ("Address,Address_2,City,Zip", {".line1": "Address", ".line2": "Address_2"}, ()),
        ("Address 1,Address 2,City,Zip5,Zip4", {".line1": "Address 1", ".line2": "Address 2"}, ()),
    ],
)  # fmt: skip
def test_a_repeated_address_is_another_one_and_never_line_2(
    written: str, streets: dict[str, str], raw: tuple[str, ...]
) -> None:
    names = ["Owner", *written.split(",")]
    mapping = match_headers(unique_names(names), load_feed("contacts"), names)
    assert {use.field: use.headers[0] for use in mapping.uses if ".line" in use.field} == streets
    assert mapping.unmapped == raw
    assert all(len(use.columns) == 1 for use in mapping.uses)


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("Phone", None), ("Phone 2", None), ("Home Phone", None), ("Work Phone Number", None), ("Telephone #", None),
        ("Cell", "mobile"), ("Mobile Phone", "mobile"), ("Cell Phone 1", "mobile"), ("Phone (Mobile)", "mobile"),
        ("Fax", "fax"), ("Fax Number", "fax"), ("Office Fax", "fax"), ("Landline", "landline"),
        ("Land Line Phone", "landline"),
    ],
)  # fmt: skip
def test_phones_have_a_type_where_the_header_says_so(header: str, label: str | None) -> None:
    (use,) = _map(header, "Name").all("phone")
    assert (use.headers, use.label) == ((header,), label)


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("Owner #", "owner"), ("Owner Number", "owner_number"), ("Operator Key", "operator_key"), ("ID", "id"),
        ("SOS_VOTERID", "sos_voterid"), ("Payee No", "payee_no"), ("UUID", "uuid"),
    ],
)  # fmt: skip
def test_identifiers_keep_the_name_their_source_gives_them(header: str, label: str) -> None:
    (use,) = _map(header, "Name").all("identifier")
    assert (use.headers, use.label) == ((header,), label)


@pytest.mark.parametrize(
    "header", ["County ID", "Email Opt In", "Phone Verified", "Program Name", "Status", "Date", "", "***"]
)
def test_columns_nobody_knows_are_kept_raw(header: str) -> None:
    mapping = _map(header, "Name")
    assert mapping.unmapped == (header,)
    assert _fields(mapping) == {"full_name": ("Name",)}


def test_every_column_is_used_once_or_kept_raw() -> None:
    headers = ("Name", "Owner", "Phone", "Fax", "Address", "City", "Weird", "Name")
    mapping = _map(*headers)
    used = [column for use in mapping.uses for column in use.columns]
    assert len(used) == len(set(used))
    assert sorted([headers[column] for column in used] + list(mapping.unmapped)) == sorted(headers)


def test_of_two_columns_for_one_field_the_more_specific_counts_first() -> None:
    (use,) = [use for use in _map("Zip Code", "Postal Code", "Zip", "Name").uses if use.field == ".zip"]
    assert use.headers == ("Zip", "Zip Code", "Postal Code")
    assert not use.joined


@pytest.mark.parametrize(
    ("prefix", "slot"),
    [
        ("Mailing", "mailing"), ("MAIL", "mailing"), ("Residential", "residential"), ("RES", "residential"),
        ("Home", "residential"), ("Property", "property"), ("Situs", "property"), ("Billing", "billing"),
        ("Owner", ""), ("Primary", ""),
    ],
)  # fmt: skip
def test_a_prefix_makes_an_address_of_its_own(prefix: str, slot: str) -> None:
    mapping = _map("Name", *(f"{prefix} {part}" for part in ("Address", "Address 2", "City", "State", "Zip", "Zip 4")))
    assert mapping.address_slots() == [slot]
    assert {use.field for use in mapping.uses} - {"full_name"} == {
        f"{slot}.{part}" for part in ("line1", "line2", "city", "state", "zip", "zip4")
    }


def test_two_addresses_a_row_stay_apart() -> None:
    headers = [f"{kind} {part}" for kind in ("Mailing", "Property") for part in ("Address", "City", "State", "Zip")]
    mapping = _map("Name", *headers)
    assert mapping.address_slots() == ["mailing", "property"]
    assert _fields(mapping)["property.city"] == ("Property City",)


def test_city_and_state_without_a_prefix_belong_to_the_only_street() -> None:
    fields = _fields(_map("Owner Name", "Mailing Address", "City", "ST", "Zip"))
    assert fields["mailing.city"] == ("City",)
    assert fields["mailing.state"] == ("ST",)
    assert fields["mailing.zip"] == ("Zip",)


def test_a_city_beside_two_whole_addresses_is_none_of_theirs() -> None:
    headers = [f"{kind} {part}" for kind in ("Mailing", "Property") for part in ("Address", "City", "State", "Zip")]
    assert _map("Name", "City", *headers).unmapped == ("City",)


@pytest.mark.parametrize(("lacking", "whole"), [("Property", "Mailing"), ("Mailing", "Property")])
def test_city_and_state_without_a_prefix_belong_to_the_only_street_that_lacks_them(lacking: str, whole: str) -> None:
    parts = ("Address", "City", "State", "Zip")
    fields = _fields(_map("Owner", f"{lacking} Address", *parts[1:], *(f"{whole} {part}" for part in parts)))
    for part in parts[1:]:
        assert fields[f"{lacking}.{part}".lower()] == (part,)
        assert fields[f"{whole}.{part}".lower()] == (f"{whole} {part}",)


def test_what_is_not_the_owners_stands_in_for_nothing() -> None:
    """The operator of the well, and the state that it lies in."""
    owner = [f"Owner {part}" for part in ("Name", "Address", "City", "State", "Zip")]
    mapping = _map(*owner, "Operator Name", "State")
    assert _fields(mapping)["full_name"] == ("Owner Name",)
    assert _fields(mapping)[".state"] == ("Owner State",)
    assert mapping.unmapped == ("Operator Name", "State")
    assert _fields(_map("Grantor", "Grantee", "Phone"))["full_name"] == ("Grantor",)


def test_what_was_handed_to_a_vendor_is_an_address_of_its_own() -> None:
    parts = ("Address", "City", "State", "Zip")
    mapping = _map("Name", *(f"Input {part}" for part in parts), *parts)
    assert mapping.address_slots() == ["", "other"]
    assert _fields(mapping)[".line1"] == ("Address",)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ("OWNER,MAILADR1,MAILADR2,OWNADR1,OWNCITY,OWNSTATE,OWNZIP1",
         "full_name mailing.line1 mailing.line2 .line1 .city .state .zip"),
        ("py_owner_name,py_addr_line1,py_addr_line2,py_addr_line3,py_addr_city,py_addr_state,py_addr_zip",
         "full_name mailing.line1 mailing.line2 mailing.line3 mailing.city mailing.state mailing.zip"),
        ("Owner,Address 1,Address 2,Address 3,City State Zip", "full_name .line1 .line2 .line3 .city"),
        ("Taxpayer,Tax Mailing Address,Tax Mailing City,Tax Mailing State,Tax Mailing Zip",
         "full_name mailing.line1 mailing.city mailing.state mailing.zip"),
        ("Payee Name 1,Payee Name 2,Payee Address,Payee City", "full_name second_name .line1 .city"),
        ("number1,number2,first_name", "phone phone first_name"),
    ],
)  # fmt: skip
def test_headers_of_rolls_decks_and_dialers(headers: str, fields: str) -> None:
    mapping = match_headers(headers.split(","), load_feed("contacts"))
    assert [use.field for use in mapping.uses] == fields.split()


def test_a_file_with_no_usable_column_says_what_it_has_and_what_it_needs() -> None:
    with pytest.raises(
        FileRejected, match=r"needs at least one of full_name.*Columns found: 'Well', 'Depth'"
    ) as refused:
        _map("Well", "Depth")
    assert "\n" not in str(refused.value)


def test_an_address_alone_is_nobody() -> None:
    with pytest.raises(FileRejected, match="No usable column"):
        _map("Address", "City", "State", "Zip")


def test_a_column_that_the_feed_maps_and_the_file_lacks_is_named() -> None:
    feed = Feed(
        name="f", target="contacts", schema_version="v1", description="", requires_any=("full_name",),
        mapping={"full_name": ("WHO",)},
    )  # fmt: skip
    with pytest.raises(FileRejected, match="full_name from column 'WHO'"):
        map_columns(["A", "B"], feed)
    assert _fields(map_columns(["A", "WHO"], feed)) == {"full_name": ("WHO",)}


def test_a_header_record_is_told_from_a_data_record() -> None:
    feed = load_feed("dnc_registry")
    assert known_headers(["Phone Number", "Listed"], feed) == 1
    assert known_headers(["4052329700", "2024-01-01"], feed) == 0


def test_the_operators_of_oklahoma(shared_data: Path) -> None:
    mapping = map_columns(_header_of(shared_data / "ok_operators.csv"), load_feed("contacts"))
    assert _fields(mapping) == {
        "identifier:operator_key": ("Operator Key",),
        "full_name": ("Operator Name",),
        "contact_name": ("Contact Name",),
        ".line1": ("Address",),
        ".city": ("City",),
        ".state": ("State",),
        ".zip": ("Zip",),
        "phone": ("Phone",),
    }
    assert mapping.unmapped == ("Status",)


def test_the_voters_of_ohio_have_two_addresses(shared_data: Path) -> None:
    mapping = map_columns(_header_of(shared_data / "voter_oh.csv"), load_feed("contacts"))
    fields = _fields(mapping)
    assert mapping.address_slots() == ["mailing", "residential"]
    assert fields["residential.zip"] == ("RESIDENTIAL_ZIP", "RESIDENTIAL_POSTCODE")
    assert fields["residential.line2"] == ("RESIDENTIAL_SECONDARY_ADDR",)
    assert fields["mailing.zip4"] == ("MAILING_ZIP_PLUS4",)
    assert fields["date_of_birth"] == ("DATE_OF_BIRTH",)
    assert fields["identifier:sos_voterid"] == ("SOS_VOTERID",)
    assert {"CITY", "COUNTY_ID", "PRECINCT_NAME"} <= set(mapping.unmapped)


def test_the_sites_of_chicago(shared_data: Path) -> None:
    fields = _fields(map_columns(_header_of(shared_data / "early_childhood_sites_true_ids.csv"), load_feed("contacts")))
    assert fields["organization"] == ("Site name",)
    assert fields["phone"] == ("Phone",)
    assert fields["phone:fax"] == ("Fax",)
    assert fields["email"] == ("Email Address",)


@pytest.mark.parametrize("name", ["voter_ny", "voter_pa"])
def test_headerless_voter_rolls_are_as_wide_as_their_feed_says(shared_data: Path, name: str) -> None:
    feed = load_feed(name)
    with (shared_data / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        width = len(next(csv.reader(lines, delimiter=feed.format.delimiter)))
    names = [*feed.columns, *(f"column_{position}" for position in range(len(feed.columns), width))]
    fields = _fields(map_columns(names, feed))
    assert {"last_name", "first_name", "residential.line1", "residential.zip", "date_of_birth"} <= set(fields)
    if name == "voter_pa":
        assert width == 153
        assert fields["phone"] == ("column_151",)
    else:
        assert len(fields["residential.line1"]) == 5


@pytest.mark.parametrize(
    ("feed", "headers", "fields"),
    [
        (
            "call_history",
            "Direction,Type,Phone Number,Name,Date,Time,Action Result,Duration,Call ID",
            "direction,touchpoint_type,phone,full_name,touchpoint_date,touchpoint_time,status,duration,external_id",
        ),
        (
            "sms_history",
            "From,To,Body,Status,SentDate,Direction,Price,Sid",
            "from_contact,to_contact,subject,status,touchpoint_date,direction,cost,external_id",
        ),
        (
            "mail_history",
            "Campaign Name,Drop Date,First Name,Last Name,Address 1,City,State,Zip,Piece ID,Mail Status",
            "campaign_name,touchpoint_date,first_name,last_name,.line1,.city,.state,.zip,external_id,status",
        ),
        (
            "email_history",
            "Email Address,Sent At,Subject,Campaign ID,Event",
            "email,touchpoint_date,subject,campaign_code,status",
        ),
        (
            "campaigns",
            "Campaign ID,Campaign Name,Channel,Start Date,End Date",
            "code,name,type,start_date,end_date",
        ),
    ],
)
def test_exports_of_contact_history_are_understood(feed: str, headers: str, fields: str) -> None:
    mapping = _map(*headers.split(","), feed=feed)
    assert [use.field for use in mapping.uses] == fields.split(",")
    assert mapping.unmapped == ()
