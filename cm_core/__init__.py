"""All that the system knows how to do, in plain Python and SQL.

Nothing below this package imports dagster (an import contract holds it), so every rule can be tested,
reused by an API and read without an orchestrator.
"""
