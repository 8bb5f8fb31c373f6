"""The report page: its template, its words, and the functions that fill it."""
