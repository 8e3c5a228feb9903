"""Hostile and honest files of every format, made by the tests; nothing in them is ever loaded."""
