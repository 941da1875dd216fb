"""Outside systems as Dagster resources: each builds a plain client from `cm_core` and adds nothing of its own."""
