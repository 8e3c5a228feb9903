"""Validation: one module a check; checks give findings and print nothing."""
