"""An AWS Batch beside the S3 of the tests: moto's, whose jobs end at once without being run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.core.config import default_user_config

from tests.support.s3_server import Bucket

_QUEUE = "queue"
_NETWORK = "10.0.0.0/24"


class Batch:
    """A job queue at the same server as `s3`.

    Attributes:
        role: ARN of a role that jobs may have.
    """

    def __init__(self, s3: Bucket) -> None:
        self._url = s3.url
        self._batch, iam, ec2 = (self._client(service) for service in ("batch", "iam", "ec2"))
        self.role: str = iam.create_role(RoleName="jobs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        network = ec2.create_vpc(CidrBlock=_NETWORK)["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=network, CidrBlock=_NETWORK)["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="jobs", Description="jobs", VpcId=network)["GroupId"]
        machines = {"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]}
        made = self._batch.create_compute_environment(
            computeEnvironmentName="machines", type="MANAGED", computeResources=machines, serviceRole=self.role
        )
        order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
        self._batch.create_job_queue(jobQueueName=_QUEUE, state="ENABLED", priority=1, computeEnvironmentOrder=order)

    @property
    def environ(self) -> dict[str, str]:
        """What has Metaflow submit its jobs here."""
        return {
            "AWS_ENDPOINT_URL_BATCH": self._url,
            "METAFLOW_BATCH_JOB_QUEUE": _QUEUE,
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": self.role,
            "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": self.role,
        }

    def commands(self) -> list[str]:
        """What the submitted jobs were to run, in no order."""
        listed = self._batch.list_jobs(jobQueue=_QUEUE)["jobSummaryList"]
        jobs = self._batch.describe_jobs(jobs=[job["jobId"] for job in listed])["jobs"] if listed else []
        return [job["container"]["command"][-1] for job in jobs]

    def _client(self, service: str) -> Any:
        client: Any = boto3.client  # its types know services as literals alone
        return client(
            service,
            endpoint_url=self._url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )


@contextmanager
def batch_beside(s3: Bucket) -> Iterator[Batch]:
    """Takes jobs until it is left."""
    before, default_user_config["batch"] = default_user_config["batch"], {"use_docker": False}
    try:
        yield Batch(s3)
    finally:
        default_user_config["batch"] = before
