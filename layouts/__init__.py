"""Layouts: files and identity in, the directory that another program expects out."""
