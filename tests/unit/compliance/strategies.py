"""Generated facts about a phone number: few instants and few kinds, so that they meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from cm_core.compliance.facts import Contact, Fact, Facts, Home, Listing, Lists, OptOut, Touch, Version

NOON = datetime(2026, 3, 2, 18)
AREA_CODES = ("405", "214", "305", "212", "605", "504", "918", "915")

channels = st.sampled_from(("call", "sms"))
purposes = st.sampled_from(("solicitation", "offer_to_buy", "informational"))
#: Around NOON by hours and days, half of them on the dot so that edges coincide.
instants = st.one_of(
    st.integers(-40, 40).map(lambda days: NOON + timedelta(days=days)),
    st.integers(-72, 72).map(lambda hours: NOON + timedelta(hours=hours)),
    st.integers(-20_000, 20_000).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)
_channels = st.sampled_from(("call", "sms", "all"))
_ends = st.one_of(st.none(), instants)

contacts = st.builds(
    lambda code, line: Contact("phone", f"+1{code}7620001", line_type=line),
    st.sampled_from(AREA_CODES),
    st.sampled_from((None, "mobile", "landline", "voip")),
)
opt_outs = st.builds(OptOut, _channels, instants, st.sampled_from(("contact", "person", "shared")), st.just("o"))


def facts_named(name: str, *values: str | None) -> st.SearchStrategy[Fact]:
    """Facts of one name and some values."""
    return st.builds(
        Fact, st.just(name), _channels, st.sampled_from(values or (None,)), instants, _ends,
        st.sampled_from(("contact", "person")), st.just("x"), st.just(name),
    )  # fmt: skip


#: Facts that speak against contact, or take away what speaks for it.
AGAINST = st.one_of(
    *(facts_named(name) for name in ("litigator", "deceased", "privacy_deletion", "opt_out_suspected")),
    facts_named("consent_revoked"),
    facts_named("reassigned", "yes"),
    facts_named("wireless", "wireless", "ported"),
)
#: Facts that lift an exemption's findings, and those that end what speaks against contact.
EXEMPTING = st.one_of(
    facts_named("consent", None, "written", "oral"), facts_named("relationship", "purchase", "inquiry", "other")
)
LIFTING = st.one_of(
    facts_named("reconsent"), facts_named("suspicion_cleared"), facts_named("reassigned", "no"),
    facts_named("wireless", "landline"),
)  # fmt: skip
listings = st.builds(Listing, st.sampled_from(("national", "ok_state")), _ends, _ends, st.just("l"))
touches = st.builds(Touch, channels, instants, st.sampled_from((None, "SPRING", "FALL")))
homes = st.builds(
    Home, st.sampled_from((None, "OK", "TX", "CA", "AL", "??")), st.sampled_from((None, "73701", "90210", "79901"))
)


def _held(code: str, times: list[datetime]) -> list[Version]:
    return [Version("national", code, str(n), at) for n, at in enumerate(times)]


_kept = [NOON + timedelta(days=days) for days in range(-90, 90, 10)]
lists = st.builds(
    lambda times: Lists([version for code in AREA_CODES if code != "918" for version in _held(code, times)]),
    st.one_of(st.just(_kept), st.just(_kept), st.lists(instants, min_size=1, max_size=3)),
)
facts = st.builds(
    Facts,
    lists=lists,
    opt_outs=st.lists(opt_outs, max_size=2).map(tuple),
    facts=st.lists(st.one_of(AGAINST, EXEMPTING, LIFTING), max_size=3).map(tuple),
    listings=st.lists(listings, max_size=2).map(tuple),
    touches=st.lists(touches, max_size=5).map(tuple),
    homes=st.lists(homes, max_size=2).map(tuple),
    is_estate=st.booleans(),
    surnames=st.sampled_from((None, None, 9)),
)
#: Facts that speak against nothing but the time.
calm = st.builds(
    Facts,
    lists=st.just(Lists([version for code in AREA_CODES for version in _held(code, _kept)])),
    touches=st.lists(touches, max_size=6).map(tuple),
    homes=st.lists(homes, max_size=2).map(tuple),
)
#: One thing more that speaks against contact: the name of a field of Facts, and what is added.
more = st.one_of(
    st.tuples(st.just("opt_outs"), opt_outs),
    st.tuples(st.just("facts"), AGAINST),
    st.tuples(st.just("listings"), listings),
    st.tuples(st.just("touches"), touches),
    st.tuples(st.just("homes"), homes),
    st.tuples(st.just("is_estate"), st.just(True)),
    st.tuples(st.just("surnames"), st.just(9)),
)


def added(known: Facts, name: str, value: Any) -> Facts:
    """The facts with one more."""
    before = getattr(known, name)
    return replace(known, **{name: (*before, value) if isinstance(before, tuple) else value})
