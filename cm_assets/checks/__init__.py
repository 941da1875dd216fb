"""Asset checks: the seed's validation checklist and the invariants. Together they are the data-quality report."""
