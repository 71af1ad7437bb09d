"""Resolved environments in the formats that other tools read."""
