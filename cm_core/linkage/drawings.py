"""Charts of what linkage made, as Vega-Lite specifications, and pictures of any. Those of the model are Splink's."""

from __future__ import annotations

from typing import Any

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


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
