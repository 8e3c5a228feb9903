"""Bounded readers of file formats, shared by the checks; they never load or run anything."""
