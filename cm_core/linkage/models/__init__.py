"""Trained linkage models that come with the system, as JSON."""
