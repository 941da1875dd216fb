"""The start command is one that each family of server takes, wherever it is installed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cm_core.store.binaries import Binaries, start_command


def _command(*, is_mariadb: bool) -> list[str]:
    return start_command(
        Binaries(Path("/usr/sbin/server"), is_mariadb=is_mariadb),
        folder=Path("/home/db"),
        socket=Path("/home/db/socket"),
        port=3307,
        buffer_pool="1G",
        redo_log="512M",
    )


@pytest.mark.parametrize("is_mariadb", [True, False])
def test_option_files_of_the_machine_are_not_read_and_only_loopback_is_listened_on(is_mariadb: bool) -> None:
    command = _command(is_mariadb=is_mariadb)
    assert command[1] == "--no-defaults"  # only works in this place
    assert "--bind-address=127.0.0.1" in command


def test_mysql_does_not_need_a_folder_that_only_its_full_package_makes() -> None:
    assert "--secure-file-priv=NULL" in _command(is_mariadb=False)
    assert not [option for option in _command(is_mariadb=True) if "secure-file-priv" in option]
