"""Talks to the daemon. Light: nothing of the solvers or the dashboard is imported."""
