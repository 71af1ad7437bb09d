"""Conda packages and wheels in one environment."""
