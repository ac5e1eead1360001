"""The database: every table, the two dialects, and where transactions begin and end."""
