"""The terms of do-not-call lists are those of the dated file."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cm_core.compliance.dnc.terms import DncTerms, dnc_terms
from cm_core.errors import SettingsError


def test_terms_are_those_of_the_date() -> None:
    assert dnc_terms(date(2026, 9, 1)) == DncTerms(timedelta(days=31), 1.0, 10.0)
    with pytest.raises(SettingsError, match="'dnc_list_max_age' in day for 1990-01-01"):
        dnc_terms(date(1990, 1, 1))
