"""Corpora made by the tests themselves: bytes are assembled, nothing of them is ever loaded."""
