"""How right linkage and hygiene are, on data whose truth is known. Nothing here measures speed."""
