"""Servers that stand in for the ones outside, each a process of its own on loopback."""

from tests.servers.pipedrive.running import PipedriveServer, running_pipedrive

__all__ = ["PipedriveServer", "running_pipedrive"]
