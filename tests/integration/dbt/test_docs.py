"""The docs of the dbt project, made as an analyst makes them."""

from __future__ import annotations

import json

import pytest

from cm_core.settings import Settings
from resources.dbt_project import state_dir
from tests.integration.dbt.conftest import Build


@pytest.mark.soak
def test_docs_are_generated_with_a_catalog_of_every_model_and_its_columns(build: Build, settings: Settings) -> None:
    done = build()
    assert done.returncode == 0, done.stdout[-4000:]
    done = build("generate", command="docs")
    assert done.returncode == 0, done.stdout[-4000:]
    folder = state_dir(settings) / "target"
    assert (folder / "index.html").stat().st_size > 100_000
    catalog = json.loads((folder / "catalog.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    assert catalog["errors"] is None
    built = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "seed")}
    assert catalog["nodes"].keys() == built.keys()
    for name, node in built.items():
        assert list(catalog["nodes"][name]["columns"]) == list(node["columns"]), name
    assert set(manifest["exposures"]) == {
        "exposure.cm.cm_scrub", "exposure.cm.operations_dashboard", "exposure.cm.campaign_mail_lists",
    }  # fmt: skip
