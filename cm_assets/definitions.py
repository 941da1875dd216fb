"""The code location. Nothing is built until Dagster asks for it; what is in it stands in `build.py`."""

from __future__ import annotations

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, jobs, sensors and resources of the system."""
    from cm_assets.build import build_defs

    return build_defs()
