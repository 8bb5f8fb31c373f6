"""The report page: its template, its texts, and the functions that render it."""
