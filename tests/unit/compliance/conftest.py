"""A rule book of one's own: the project's files, some of them with other rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.compliance.rule_book import FILES, load_rules
from cm_core.compliance.rule_files import rules_folder
from cm_core.compliance.rules import Rules

#: File name -> what to do with its text; `add` puts rows behind it.
MakeRules = Callable[..., Rules]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project's rules that a test may change."""
    for name in FILES:
        shutil.copy(rules_folder() / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def with_rows(folder: Path) -> MakeRules:
    """Call it with a file and rows to put behind it, once or more; gives the rule book."""

    def make(name: str, *rows: str) -> Rules:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in rows)
        return load_rules(folder)

    return make


@pytest.fixture
def rewritten(folder: Path) -> MakeRules:
    """Call it with a file, a text in it and another one; gives the rule book."""

    def make(name: str, old: str, new: str) -> Rules:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
        return load_rules(folder)

    return make
