"""Standardising of contact values: phones, e-mails, names and addresses.

Pure functions: a value (or a column of distinct values) in, typed values (or an Arrow table) out. Rules that are
lists of words live in `data/`. No file of a user, no database, no orchestrator here; which values are asked for
and where the results go is the importer's business.

A value that cannot be standardised stays raw and carries a reason code; nothing is ever guessed.
"""
