"""Properties in two forms: few examples in `make test`, many in `make soak`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings


def in_two_forms(
    short: int, long: int, *strategies: Any, deadline: int | None = None, **named: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Hypothesis' `given(*strategies, **named)` for `short` examples, and for `long` ones under the marker `soak`.

    Other parameters of the test are fixtures, which all of its examples share.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        forms = {
            form: settings(max_examples=count, deadline=deadline)(given(*strategies, **named)(body))
            for form, count in (("short", short), ("long", long))
        }

        def test(*, form: str, **fixtures: Any) -> None:
            forms[form](**fixtures)

        fixtures = inspect.signature(forms["short"]).parameters.values()
        kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in fixtures]
        test.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*kept, inspect.Parameter("form", inspect.Parameter.KEYWORD_ONLY)]
        )
        test.__name__, test.__qualname__, test.__doc__ = body.__name__, body.__qualname__, body.__doc__
        test.__module__ = body.__module__
        return pytest.mark.parametrize("form", ["short", pytest.param("long", marks=pytest.mark.soak)])(test)

    return decorate
