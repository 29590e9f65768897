"""ECR answers: repositories, images and scan findings."""

import json
from typing import Any

from . import wire
from .answers import (
    AwsError,
    Paging,
    Params,
    answers,
    constant,
    detail,
    inventory,
    listing,
    named,
    shaped,
    values,
)
from .estate import Place
from .ids import basics, digits

_PAGE = Paging("maxResults", "nextToken", "nextToken", default=100, maximum=1000)
_REPOSITORY_ARN = "arn:aws:ecr:%(region)s:%(account)s:repository/repo-%(here)s%(n)s"
_DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef%(here)s%(n)s"
_REPOSITORY: dict[str, Any] = {
    "repositoryArn": _REPOSITORY_ARN,
    "registryId": "%(account)s",
    "repositoryName": "repo-%(here)s%(n)s",
    "repositoryUri": "%(account)s.dkr.ecr.%(region)s.amazonaws.com/repo-%(here)s%(n)s",
    "createdAt": "%(epoch)s",
    "imageTagMutability": "IMMUTABLE",
    "imageScanningConfiguration": {"scanOnPush": True},
    "encryptionConfiguration": {"encryptionType": "AES256"},
}
_IMAGE: dict[str, Any] = {
    "registryId": "%(account)s",
    "repositoryName": "repo-%(here)s%(repository)s",
    "imageDigest": _DIGEST,
    "imageTags": ["1.%(turn)s.0", "build-%(n)s"],
    "imageSizeInBytes": 41293812,
    "imagePushedAt": "%(epoch)s",
    "imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
    "imageScanFindingsSummary": {
        "imageScanCompletedAt": "%(epoch)s",
        "vulnerabilitySourceUpdatedAt": "%(epoch)s",
        "findingSeverityCounts": {"HIGH": 1, "MEDIUM": 1},
    },
    "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "artifactMediaType": "application/vnd.docker.container.image.v1+json",
    "lastRecordedPullTime": "%(epoch)s",
}
_FINDING: dict[str, Any] = {
    "name": "CVE-2025-%(n)s",
    "description": "A flaw was found in the library. It lets a remote caller read past the end of a buffer.",
    "uri": "https://security-tracker.debian.org/tracker/CVE-2025-%(n)s",
    "severity": "%(severity)s",
    "attributes": [
        {"key": "package_name", "value": "library-%(n)s"},
        {"key": "package_version", "value": "1.2.%(turn)s"},
        {"key": "CVSS2_VECTOR", "value": "AV:N/AC:L/Au:N/C:P/I:N/A:N"},
        {"key": "CVSS2_SCORE", "value": "5"},
    ],
}
_PULL = {
    "Sid": "Pull",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::%(account)s:root"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}
_LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 30},
            "action": {"type": "expire"},
        }
    ]
}


def _repository(place: Place, params: Params) -> int:
    return named(place, params["repositoryName"], "aws_ecr_repository", "RepositoryNotFoundException")


def _image_fields(place: Place, n: int) -> dict[str, str]:
    turn, repository = divmod(n, place.n["aws_ecr_repository"])
    return {**basics(place, n), "repository": digits(repository), "turn": str(turn)}


def _images(place: Place, params: Params) -> list[int] | range:
    digests = [image["imageDigest"] for image in values(params, "imageIds")]
    if digests:
        return [named(place, digest, "aws_ecr_image", "ImageNotFoundException") for digest in digests]
    return range(_repository(place, params), place.n["aws_ecr_image"], place.n["aws_ecr_repository"])


def _findings(place: Place, params: Params) -> range:
    _repository(place, params)
    image = named(place, params["imageId"]["imageDigest"], "aws_ecr_image", "ImageNotFoundException")
    found = range(image, place.n["aws_ecr_image_scan_finding"], place.n["aws_ecr_image"])
    if not found:
        raise AwsError("ScanNotFoundException", "Image scan does not exist for the image")
    return found


def _finding_fields(place: Place, n: int) -> dict[str, str]:
    turn = n // place.n["aws_ecr_image"]
    return {**basics(place, n), "turn": str(turn), "severity": ("HIGH", "MEDIUM", "LOW", "INFORMATIONAL")[n & 3]}


inventory("ecr", "DescribeRepositories", "repositories", "aws_ecr_repository", _REPOSITORY, _PAGE)
_row = shaped("ecr", "DescribeImages", "imageDetails", _IMAGE, _image_fields)
listing("ecr", "DescribeImages", "imageDetails", _row, _images, _PAGE)
_row = shaped("ecr", "DescribeImageScanFindings", "imageScanFindings.findings", _FINDING, _finding_fields)
listing(
    "ecr",
    "DescribeImageScanFindings",
    "imageScanFindings.findings",
    _row,
    _findings,
    _PAGE,
    registryId="%(account)s",
    imageScanStatus__status="COMPLETE",
    imageScanFindings__imageScanCompletedAt="1735689600.0",
)
constant(
    "ecr",
    "GetRegistryScanningConfiguration",
    {"registryId": "%(account)s", "scanningConfiguration": {"scanType": "BASIC", "rules": []}},
)
for _name, _parameter, _value in (
    ("ListTagsForResource", "resourceArn", {"tags": wire.tags(Environment="%(env)s", Owner="images@example.com")}),
    ("GetLifecyclePolicy", "repositoryName", {"lifecyclePolicyText": json.dumps(_LIFECYCLE)}),
):
    detail("ecr", _name, _parameter, "aws_ecr_repository", _value, "RepositoryNotFoundException")
_POLICY = wire.body(
    "ecr",
    "GetRepositoryPolicy",
    {"registryId": "%(account)s", "repositoryName": "repo-%(here)s%(n)s", "policyText": wire.policy(_PULL)},
)


@answers("ecr", "GetRepositoryPolicy")
def _policy(place: Place, params: Params) -> str:
    number = _repository(place, params)
    if number % 2:
        raise AwsError("RepositoryPolicyNotFoundException", "Repository policy does not exist")
    return place.fill(_POLICY, basics(place, number))
