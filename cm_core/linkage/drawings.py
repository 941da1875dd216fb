"""Charts of the model and its outcome as Vega-Lite specifications: plain JSON, made without a drawing library."""

from __future__ import annotations

from typing import Any

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def match_weights(weights: list[dict[str, Any]]) -> dict[str, Any]:
    """How much each level speaks for (right) or against (left) two records being one, in bits."""
    return {
        "$schema": _SCHEMA,
        "title": "Match weights (log2 of m/u)",
        "data": {"values": weights},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "row": {
                "field": "comparison",
                "type": "nominal",
                "title": None,
                "header": {"labelAngle": 0, "labelAlign": "left"},
            },
            "y": {"field": "level", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 320}},
            "x": {"field": "weight", "type": "quantitative", "title": "bits"},
            "color": {
                "condition": {"test": "datum.weight >= 0", "value": "#2a7f4f"},
                "value": "#b5483a",
            },
        },
        "resolve": {"scale": {"y": "independent"}},
    }


def cluster_sizes(sizes: dict[int, int]) -> dict[str, Any]:
    """How many clusters there are of each number of persons, on a logarithmic scale."""
    return {
        "$schema": _SCHEMA,
        "title": "Clusters by number of persons",
        "data": {"values": [{"persons": size, "clusters": count} for size, count in sorted(sizes.items())]},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {"field": "persons", "type": "ordinal", "title": "persons in the cluster"},
            "y": {"field": "clusters", "type": "quantitative", "scale": {"type": "symlog"}, "title": "clusters"},
        },
    }


def to_png(specification: dict[str, Any]) -> bytes:
    """The chart as a PNG picture (drawn by vl-convert)."""
    import vl_convert

    png: bytes = vl_convert.vegalite_to_png(specification, scale=2)
    return png
