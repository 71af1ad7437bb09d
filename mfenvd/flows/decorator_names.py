"""Metaflow's decorators by name (2.19.39), and those of the extensions that it names."""

from __future__ import annotations

REMOTE = ("batch", "kubernetes", "nvidia", "snowpark", "slurm", "nvct", "skypilot_step")
"""They run a step elsewhere: those of `conda_environment.get_environment`."""

ENVIRONMENT_STEP = ("pypi", "conda", "named_env", "pip", "sys_packages")
ENVIRONMENT_FLOW = ("pypi_base", "conda_base", "named_env_base", "pip_base", "sys_packages_base")
_SCHEDULERS = (
    "schedule", "trigger", "trigger_on_finish", "exit_hook", "airflow_external_task_sensor", "airflow_s3_key_sensor",
)  # fmt: skip
STEP_DECORATORS = (
    *ENVIRONMENT_STEP, *REMOTE, "resources", "catch", "timeout", "environment", "secrets", "parallel", "retry", "card",
    "pytorch_parallel",
)  # fmt: skip
FLOW_DECORATORS = (*ENVIRONMENT_FLOW, *_SCHEDULERS, "project")
