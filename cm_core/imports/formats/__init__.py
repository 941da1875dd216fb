"""Files that hold tables (SQL dumps, JSON lines, SQLite files, workbooks) and archives around files: read into Parquet.

Files in, files out: no database, no landing zone, no feed. Which table of a file an import takes is in `selection`.
"""
