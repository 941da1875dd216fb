"""Errors that users see: one line, whatever the file has put into them."""

from __future__ import annotations

import pickle

from cm_core.errors import FileRejected


def test_a_rejection_is_one_line_of_bounded_length() -> None:
    odd = "The file has no table 'a\nb\r\n\x00\x1b[31m\u2028\udcc3'. " + "x, " * 2_000
    shown = str(FileRejected(odd))
    assert len(shown.splitlines()) == 1
    assert shown.startswith("The file has no table 'a b [31m '. x, x, ")
    assert len(shown) == 2_000
    assert shown.endswith("…")
    shown.encode()


def test_a_rejection_survives_the_way_from_another_process() -> None:
    assert str(pickle.loads(pickle.dumps(FileRejected("too large")))) == "too large"
