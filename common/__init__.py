"""Values and helpers that every room shares; imports nothing else of this project."""

VERSION = "0.1.0"
