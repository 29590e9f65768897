"""How the seeding reaches the server: boto3 clients by service and region, in one account or another."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import boto3
from botocore.config import Config

from collector.demo.places import HOME, REGION

Json: TypeAlias = dict[str, Any]

FAKE_KEY = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
"""Moto takes any key; one that it has not issued belongs to its default account, which is ours."""


class Cloud:
    """The sample cloud as one account sees it."""

    def __init__(self, url: str, key: dict[str, str] | None = None, session: Any = None) -> None:
        self._url = url
        self._key = key or FAKE_KEY
        # One session for all accounts, because it keeps the service models that it has read.
        self._session = session or boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        # An empty mapping keeps proxies of the environment away from the loopback interface.
        self._config = Config(retries={"total_max_attempts": 1}, proxies={}, inject_host_prefix=False)

    def client(self, service: str, region: str = REGION) -> Any:
        """The client of a service in a region, made once."""
        place = (service, region)
        if place not in self._clients:
            made = self._session.client(
                service, region_name=region, endpoint_url=self._url, config=self._config, **self._key
            )
            # The endpoint rules of S3 Control put the account before any host, and that host does not resolve.
            made.meta.events.register("before-sign.s3-control", _without_account_host)
            self._clients[place] = made
        return self._clients[place]

    def of_account(self, account: str) -> Cloud:
        """The same cloud as another account sees it, through a role of that account."""
        answer = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/Seeding", RoleSessionName="seeding", ExternalId="demo"
        )
        issued = answer["Credentials"]
        key = {
            "aws_access_key_id": issued["AccessKeyId"],
            "aws_secret_access_key": issued["SecretAccessKey"],
            "aws_session_token": issued["SessionToken"],
        }
        return Cloud(self._url, key, self._session)

    def close(self) -> None:
        """Closes the connections of all clients."""
        for made in self._clients.values():
            made.close()


def _without_account_host(request: Any, **_: Any) -> None:
    request.url = request.url.replace(f"//{HOME}.", "//")


def tags(**values: str) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def policy(*statements: Json) -> str:
    """A policy document of some statements, allowing where they do not say otherwise."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def trust(principal: Json, condition: Json | None = None, action: str = "sts:AssumeRole") -> str:
    """A trust policy that lets a principal assume the role."""
    statement: Json = {"Principal": principal, "Action": action}
    return policy({**statement, "Condition": condition} if condition else statement)
