"""An import's life: feeds, file formats, registration, staging, reports."""
