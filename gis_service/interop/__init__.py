"""Positions and incidents in formats that other programs speak."""
