"""Scratch folders go with their process, however it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cm_core.compute import scratch
from cm_core.settings import Settings

_HOLDS = """
import sys, time
from pathlib import Path
from cm_core.compute import scratch
from cm_core.settings import Settings
with scratch(Settings(home=Path(sys.argv[1])), "work") as folder:
    (folder / "large").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def make_old(folder: Path) -> None:
    os.utime(folder, (1_700_000_000, 1_700_000_000))


def test_a_folder_is_gone_after_its_block_and_after_an_error(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with scratch(settings, "work") as folder:
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(ValueError, match="mine"), scratch(settings, "work") as folder:
        raise ValueError("mine")
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_and_what_is_held_is_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with subprocess.Popen([sys.executable, "-c", _HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        make_old(left)
        with scratch(settings, "work"):
            assert (left / "large").exists()
        process.send_signal(signal.SIGKILL)
    make_old(left)
    with scratch(settings, "other"):
        assert left.exists()
    with scratch(settings, "work") as mine:
        assert not left.exists()
        assert mine.exists()


def test_a_folder_that_is_only_just_being_made_is_left_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.scratch_dir.mkdir(parents=True)
    fresh = settings.scratch_dir / "work-fresh"
    fresh.mkdir()
    with scratch(settings, "work"):
        assert fresh.exists()
