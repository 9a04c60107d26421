"""Incidents: loading, filters, lists and counts."""
