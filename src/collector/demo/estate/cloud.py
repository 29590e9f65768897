"""boto3 clients for the sample estate's server, by account, service and region."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeAlias

import boto3
from botocore.config import Config

from collector.demo.places import HOME, REGION

Json: TypeAlias = dict[str, Any]

FAKE_KEY = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
"""Moto accepts any key. A key that it has not issued belongs to its default account, which is `HOME`."""


class Cloud:
    """The boto3 clients of one account, created on first use."""

    def __init__(self, url: str, key: dict[str, str] | None = None) -> None:
        self._url = url
        self._key = key or FAKE_KEY
        self._clients: dict[tuple[str, str], Any] = {}
        # An empty mapping overrides proxies of the environment, which must not be used for loopback.
        self._config = Config(retries={"total_max_attempts": 1}, proxies={}, inject_host_prefix=False)

    def client(self, service: str, region: str = REGION) -> Any:
        """The client of a service in a region."""
        place = (service, region)
        if place not in self._clients:
            client = _session().client(
                service, region_name=region, endpoint_url=self._url, config=self._config, **self._key
            )
            # S3 Control prefixes every host with the account id, and that host does not resolve.
            client.meta.events.register("before-sign.s3-control", _without_account_host)
            self._clients[place] = client
        return self._clients[place]

    def of_account(self, account: str) -> Cloud:
        """The clients of another account, with the credentials of a role there."""
        answer = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/Seeding", RoleSessionName="seeding", ExternalId="demo"
        )
        issued = answer["Credentials"]
        key = {
            "aws_access_key_id": issued["AccessKeyId"],
            "aws_secret_access_key": issued["SecretAccessKey"],
            "aws_session_token": issued["SessionToken"],
        }
        return Cloud(self._url, key)

    def close(self) -> None:
        """Closes the connections of all clients."""
        for client in self._clients.values():
            client.close()


@cache
def _session() -> Any:
    # One session for all clients of this process, because it caches the parsed service models.
    return boto3.Session()


def _without_account_host(request: Any, **_: Any) -> None:
    request.url = request.url.replace(f"//{HOME}.", "//")


def tags(**values: str) -> list[dict[str, str]]:
    """Tags in the format of most services."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def policy(*statements: Json) -> str:
    """A policy document of statements, whose effect is Allow by default."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def trust(principal: Json, condition: Json | None = None, action: str = "sts:AssumeRole") -> str:
    """A trust policy that lets a principal assume the role."""
    statement: Json = {"Principal": principal, "Action": action}
    return policy({**statement, "Condition": condition} if condition else statement)
