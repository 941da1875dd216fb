"""Data is printed as it stands: no text of it is read as markup, and no value or column is left out."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from rich.text import Text

from cm_core.cli import output

HOSTILE = ["[stop] texting me", "stop it [/unsub] pls", "[/b]Smith", "a\\[b]c", ":warning: [red]x[/]", "[link=x"]


@pytest.mark.parametrize("text", HOSTILE)
def test_data_is_never_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table([text], [[text], [Text("known", style="red")]], title=text)
    output.print_facts({text: text})
    output.out.print(f"It says {text}")
    found = capsys.readouterr()
    assert found.out.count(text) == 6
    output.print_error(f"{text}\nand more")
    assert capsys.readouterr().err == f"error: {text} and more\n"


def test_every_value_of_a_server_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json(
        {
            "time": timedelta(hours=25, seconds=3),
            "ago": -timedelta(minutes=90),
            "number": Decimal("1.5"),
            "set": {1},
            "bytes": b"\xff",
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "time": "25:00:03", "ago": "-01:30:00", "number": 1.5, "set": "{1}", "bytes": "\\xff",
    }  # fmt: skip
