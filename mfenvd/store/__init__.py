"""Packages' files on this machine, by their sha256, and small facts about them."""
