"""Who is who: duplicates, golden records and stable entity ids over the canonical persons.

Exact-tier facts first, a Splink model for the rest, one clustering, golden records, one transaction. A run works on
what has changed since the last one and comes to what a run over everything would. Stages are separate calls with their
own checkpoint in the lake under `linkage/`; `run` makes them all. What is imported, and how values are standardised, is
not decided here.
"""

from cm_core.linkage.drawings import to_png
from cm_core.linkage.explain import Explanation, Score, explain
from cm_core.linkage.lineage import Lineage, lineage
from cm_core.linkage.stages import (
    DedupeResult,
    ModelResult,
    PairsResult,
    charts,
    find_pairs,
    run,
    train_model,
    train_or_load_model,
    write_duplicates,
)

__all__ = [
    "DedupeResult",
    "Explanation",
    "Lineage",
    "ModelResult",
    "PairsResult",
    "Score",
    "charts",
    "explain",
    "find_pairs",
    "lineage",
    "run",
    "to_png",
    "train_model",
    "train_or_load_model",
    "write_duplicates",
]
