"""The asset graph: when and in which order things happen. No business rule: those are in `cm_core`."""
