"""Database URLs: which forms are taken, and that a password never shows."""

from __future__ import annotations

import pytest

from cm_core.errors import SettingsError
from cm_core.store import Database
from cm_core.store.database import parse_url


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("mysql://u:p@db.example:3307/people", "mysql://u:***@db.example:3307/people"),
        ("mysql+pymysql://u:p@h/people", "mysql://u:***@h/people"),
        ("mariadb://u@h", "mysql://u@h/cm"),
        ("mysql://u:p@h/", "mysql://u:***@h/cm"),
        ("mysql://u:p@h/x?charset=latin1", "mysql://u:***@h/x"),
        ("mysql://u:p@h/x?connect_timeout=5", "mysql://u:***@h/x?connect_timeout=5"),
    ],
)
def test_every_form_becomes_one(given: str, shown: str) -> None:
    database = Database(parse_url(given))
    assert database.url.drivername == "mysql+pymysql"
    assert database.url_text() == shown


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://cm:p@ss@h:3306/cm", "percent-encoded"),
        ("mysql://cm:hidden@h/cm?foo=bar", "has a parameter 'foo'; those that it may have are"),
        ("mysql://cm:hidden@h/cm?ssl_ca=/nowhere/ca.pem", "names a file as ssl_ca that is not there"),
        ("mysql://cm:hidden@h/cm?connect_timeout=abc", "has a connect_timeout that is no whole number"),
    ],
)
def test_what_cannot_be_meant_is_named_and_nothing_of_it_shown(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        parse_url(url)
    assert "hidden" not in str(refused.value)
    assert "ss@" not in str(refused.value)
    assert str(refused.value).startswith("CM_DATABASE_URL ")


def test_special_characters_of_the_password_are_percent_encoded() -> None:
    database = Database(parse_url("mysql://u:a%2Fb%40c@h/x"))
    assert database.url.password == "a/b@c"
    assert database.url_text(hide_password=False) == "mysql://u:a%2Fb%40c@h/x"


@pytest.mark.parametrize(
    "given", ["", "hidden", "postgresql://u:hidden@h/x", "sqlite:///hidden", "mysql://u:hidden@h:port/x"]
)
def test_anything_else_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(SettingsError, match="mysql://user:password@host:port/database") as caught:
        parse_url(given)
    assert "hidden" not in str(caught.value)
