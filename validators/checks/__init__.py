"""The checks. Every module here is found by name and offers `CHECK` (see `validators.base`)."""
