"""Incident classes (units, time limits and the working calendar follow)."""
