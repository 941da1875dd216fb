"""Word lists and placeholder values of the hygiene rules, with their sources in comments."""
