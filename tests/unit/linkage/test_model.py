"""Stored models: the one that comes with the system is whole, and a bad one is refused with a reason."""

from __future__ import annotations

import json

import pytest

from cm_core.errors import LinkageError
from cm_core.linkage import drawings, model


def test_the_model_of_the_system_is_trained_in_every_level() -> None:
    weights = model.weights(model.default())
    assert {entry["comparison"] for entry in weights} >= {"first_name", "last_name", "place", "phone", "email", "dob"}


def test_agreement_speaks_for_a_match_and_difference_against() -> None:
    weights = {(entry["comparison"], entry["level"]): entry["weight"] for entry in model.weights(model.default())}
    assert weights["phone", "same phone"] > 0 > weights["phone", "All other comparisons"]
    assert weights["place", "same address"] > weights["place", "same ZIP"] > 0


def test_an_untrained_level_is_an_error_that_names_it() -> None:
    body = json.loads(model.default().to_json())
    del body["splink"]["comparisons"][0]["comparison_levels"][1]["m_probability"]
    with pytest.raises(LinkageError, match="untrained in: first_name"):
        model.parse(json.dumps(body), "here")


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json"])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(LinkageError, match="no linkage model"):
        model.parse(text, "here")


def test_a_model_of_another_form_is_refused() -> None:
    body = json.loads(model.default().to_json()) | {"form": 99}
    with pytest.raises(LinkageError, match="form 99"):
        model.parse(json.dumps(body), "here")


def test_a_stored_model_reads_back_the_same() -> None:
    stored = model.default().to_json()
    assert model.parse(stored, "here").to_json() == stored


def test_charts_are_drawn() -> None:
    drawn = model.charts(model.default())
    assert set(drawn) == {"match_weights", "parameters"}
    for chart in drawn.values():
        assert "same e-mail" in str(chart)
        assert drawings.to_png(chart).startswith(b"\x89PNG")
    assert drawings.to_png(drawings.cluster_sizes({1: 10, 2: 3})).startswith(b"\x89PNG")
