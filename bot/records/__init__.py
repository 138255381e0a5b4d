"""The audit log and our own state, in one SQLite file. The only home of sqlite_utils."""
