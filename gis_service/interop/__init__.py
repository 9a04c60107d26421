"""Positions and incidents in other people's formats."""
