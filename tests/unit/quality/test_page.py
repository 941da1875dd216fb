"""The page of a report: complete in one file, in words, and nothing in it is taken for markup."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cm_core.quality import Report, keep, page
from cm_core.settings import Settings


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """The report made by hand, `reports.py` beside this file."""
    spec = importlib.util.spec_from_file_location("quality_reports", Path(__file__).with_name("reports.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Tags(HTMLParser):
    """Tags in order, those still open, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_no_other_file(made: ModuleType) -> None:
    tags = _Tags(page(made.report()))
    assert tags.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.found}
    assert not [value for _, attributes in tags.found for name, value in attributes.items() if name in ("src", "href")]
    assert "url(" not in tags.text
    assert "@import" not in tags.text


def test_what_needs_attention_comes_first_with_its_rows(made: ModuleType) -> None:
    text = re.sub(r"\s+", " ", _Tags(page(made.report())).text)
    assert "3 of 10 checks need attention." in text
    attention, warnings, rest = (text.index(title) for title in ("Needs attention", "Warnings", "All checks"))
    assert attention < text.index("wireless_no_consent") < text.index("expected 5000, found 4998") < warnings
    assert attention < text.index("was to evaluate it and failed before it did") < warnings
    assert warnings < text.index("WARN (count 12)") < rest
    assert rest < text.index("slice_matches_source")
    assert "2 rows" in text


def test_a_good_day_says_so(made: ModuleType) -> None:
    good = replace(made.report(), checks=tuple(made._good()))
    text = _Tags(page(good)).text
    assert "Nothing needs attention." in text
    assert "Needs attention" not in text
    assert "Warnings" not in text


def test_trends_are_drawn_by_day(made: ModuleType) -> None:
    check = made.check("persons", "one", failed_before=(3,))
    tags = _Tags(page(Report(made.AT, 1, (check,), None)))
    titles = re.findall(r"2026-1\d-\d\d: \d passed, \d failed", tags.text)
    assert "2026-11-24: 0 passed, 1 failed" in titles
    assert "2026-11-27: 1 passed, 0 failed" in titles
    bars = [attributes for tag, attributes in tags.found if tag == "rect"]
    assert [bar["class"] for bar in bars].count("bad") == 1
    assert all(0 <= float(bar["y"]) <= 16 and float(bar["height"]) > 0 for bar in bars)


def test_imports_are_drawn_and_counted(made: ModuleType) -> None:
    text = _Tags(page(made.report())).text
    assert re.search(r"\d+ imports, 2 of them failed as a whole", text)
    assert "not built yet" not in text
    assert "The mart import_quality is not built yet." in _Tags(page(replace(made.report(), imports=None))).text
    assert "No file arrived." in _Tags(page(replace(made.report(), imports=()))).text


def test_what_the_data_says_is_no_markup(made: ModuleType) -> None:
    failure = {"description": "<script>alert(1)</script>", "samples": ({"<b>name": "<img src=x>"},)}
    written = page(Report(made.AT, 1, (made.check("persons", "one", failure=failure),), None))
    assert "&lt;script&gt;" in written
    assert "&lt;img src=x&gt;" in written
    assert not {"script", "img", "b>name"} & {tag for tag, _ in _Tags(written).found}


def test_the_page_of_a_day_is_kept_in_the_lake(made: ModuleType, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    url = keep(settings, made.report())
    assert url == f"{settings.lake}/quality/2026-11-27.html"
    assert Path(url.removeprefix("file://")).read_text(encoding="utf-8") == page(made.report())
