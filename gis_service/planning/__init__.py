"""Choosing demonstration communities: indicators, ranking, rounds, siting and review."""
