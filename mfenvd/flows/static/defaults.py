"""The attributes that Metaflow's decorators have when nothing is said (Metaflow 2.19.39, `defaults`)."""

from __future__ import annotations

from typing import Any

_ENVIRONMENT: dict[str, Any] = {"packages": {}, "python": None, "disabled": None}

DEFAULTS: dict[str, dict[str, Any]] = {
    "pypi": _ENVIRONMENT,
    "pypi_base": _ENVIRONMENT,
    "conda": {**_ENVIRONMENT, "libraries": {}},
    "conda_base": {**_ENVIRONMENT, "libraries": {}},
    "resources": {"cpu": "1", "gpu": None, "disk": None, "memory": "4096", "shared_memory": None},
    "retry": {"times": "3", "minutes_between_retries": "2"},
    "timeout": {"seconds": 0, "minutes": 0, "hours": 0},
    "catch": {"var": None, "print_exception": True},
    "environment": {"vars": {}},
    "secrets": {"sources": [], "role": None, "allow_override": False},
    "parallel": {},
    "project": {"name": None, "production": False, "branch": None},
    "schedule": {"cron": None, "weekly": False, "daily": True, "hourly": False, "timezone": None},
    "trigger": {"event": None, "events": [], "options": {}},
    "trigger_on_finish": {"flow": None, "flows": [], "options": {}},
}
"""Those that depend on Metaflow's configuration (`@batch`, `@kubernetes`, `@card`) are left out."""

SEVERAL = frozenset({"card", "exit_hook", "airflow_external_task_sensor", "airflow_s3_key_sensor"})
"""Decorators that a step or flow may have several times."""
