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
        ("mysql://u:p@h/x?ssl_ca=/ca.pem", "mysql://u:***@h/x?ssl_ca=%2Fca.pem"),
    ],
)
def test_every_form_becomes_one(given: str, shown: str) -> None:
    database = Database(parse_url(given))
    assert database.url.drivername == "mysql+pymysql"
    assert database.url_text() == shown


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
