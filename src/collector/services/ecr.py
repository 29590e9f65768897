"""Amazon ECR private registries. Image findings come from basic scanning, or from enhanced scanning by Inspector."""

from dataclasses import replace

from collector.schema.declarations import (
    Call,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    Join,
    Row,
    SameAnswer,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import encrypted_with, tagged
from collector.schema.values import computed, document, entry, is_one_of, listed, lower, only

REPOSITORY = {"repositoryName": "repositoryName"}

SEVERITIES = {"CRITICAL": 9, "HIGH": 7, "MEDIUM": 4, "LOW": 1, "INFORMATIONAL": 0}
"""The lower bound of each severity rating in CVSS."""

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
"""Media types of image indexes, which list images and have no findings."""


@computed("repositoryName", "imageTags", "imageDigest")
def image_name(row: Row) -> str:
    """The name of an image: `web:1.4`, or `web@sha256:…` without tags."""
    name, tags = row.get("repositoryName"), row.get("imageTags")
    return f"{name}:{tags[0]}" if tags else f"{name}@{row.get('imageDigest')}"


@computed("^.repositoryUri", "imageTags", "imageDigest")
def full_names(row: Row) -> list[str]:
    """Every name by which a container definition can reference the image."""
    uri, digest = row["^"].get("repositoryUri"), row.get("imageDigest")
    names = [*(f"{uri}:{tag}" for tag in row.get("imageTags") or ()), *((f"{uri}@{digest}",) if digest else ())]
    return names if uri else []


@computed(
    "imageStatus", "imageManifestMediaType", "imageScanStatus.status", "imageScanFindingsSummary.findingSeverityCounts"
)
def may_have_findings(row: Row) -> bool:
    """Whether an image may have findings: archived ones are not scanned. Today's basic scanning sets no scan status."""
    if row.get("imageStatus", "ACTIVE") != "ACTIVE" or row.get("imageManifestMediaType") in INDEXES:
        return False
    status = (row.get("imageScanStatus") or {}).get("status")
    counts = (row.get("imageScanFindingsSummary") or {}).get("findingSeverityCounts")
    return status != "UNSUPPORTED_IMAGE" and not (status == "COMPLETE" and counts == {})


@computed("^.^.repositoryArn", "^.imageDigest", "name", "attributes")
def finding_key(row: Row) -> str | None:
    """The key of a basic finding: the image's key, the vulnerability, and the package with its version."""
    image, name = row["^"], row.get("name")
    repository, digest = image["^"].get("repositoryArn"), image.get("imageDigest")
    if not (repository and digest and name):
        return None
    package = [package_fact(fact).fn(row.get("attributes") or []) or "" for fact in ("name", "version")]
    return "/".join((f"{repository}@{digest}/finding", name, *package))


def package_fact(fact: str) -> Via:
    """An attribute of the affected package in a basic finding: `name` or `version`."""
    return entry("attributes", f"package_{fact}", name="key", value="value")


repository = Entity(
    type="aws_ecr_repository",
    cls="Repository",
    rows=Call("describe_repositories", "repositories", {"maxResults": 1000}),
    join=(
        tagged("ecr:repository", "repositoryArn"),
        Join(Call("get_registry_scanning_configuration", "@"), "Scanning", on="registryId", to="registryId"),
    ),
    hydrate=(
        Hydrate("get_repository_policy", "Access", REPOSITORY, absent=("RepositoryPolicyNotFoundException",)),
        Hydrate("get_lifecycle_policy", "Lifecycle", REPOSITORY, absent=("LifecyclePolicyNotFoundException",)),
    ),
    key="repositoryArn",
    name="repositoryName",
    created="createdAt",
    web="https://{console}/ecr/repositories/private/{registryId}/{repositoryName}?region={region}",
    tags="Tagging[].Tags[]",
    props=pick(
        "registryId", "repositoryName", "repositoryUri", "imageTagMutability", "imageScanningConfiguration.scanOnPush",
        "encryptionConfiguration.encryptionType", "encryptionConfiguration.kmsKey",
        scanType=only("Scanning[].scanningConfiguration.scanType"),
        policy=document("Access.policyText"),
        lifecyclePolicy=document("Lifecycle.lifecyclePolicyText"),
    ),
    facts={"policy": "Access.policyText"},
    edges=encrypted_with("aws_ecr_repository", "encryptionConfiguration.kmsKey"),
)  # fmt: skip

image = Entity(
    type="aws_ecr_image",
    cls="Image",
    rows=Call(
        "describe_images", "imageDetails", {"maxResults": 1000, "filter": {"imageStatus": "ANY"}},
        each="aws_ecr_repository", args=REPOSITORY,
    ),
    key=Template("{^.repositoryArn}@{imageDigest}"),
    arn=None,
    name=image_name,
    created="imagePushedAt",
    web="https://{console}/ecr/repositories/private/{registryId}/{repositoryName}/_/image/{imageDigest}/details?region={region}",
    props=pick(
        "registryId", "repositoryName", "imageDigest", "imageTags", "imageSizeInBytes", "imageManifestMediaType",
        "artifactMediaType", "imageStatus", "lastRecordedPullTime", "imageScanFindingsSummary.imageScanCompletedAt",
        fullName=full_names,
        imageScanStatus="imageScanStatus.status",
        isScanned=Via("imageScanStatus.status", lambda status: status in ("COMPLETE", "ACTIVE")),
        findingSeverityCounts=document("imageScanFindingsSummary.findingSeverityCounts"),
    ),
    edges=(Edge("aws_ecr_repository", "HAS", "aws_ecr_image", at="^.repositoryArn"),),
)  # fmt: skip

FINDINGS = Call(
    "describe_image_scan_findings", "imageScanFindings.findings", {"maxResults": 1000},
    each="aws_ecr_image", args={**REPOSITORY, "imageId.imageDigest": "imageDigest"}, when=may_have_findings,
    absent=("ScanNotFoundException", "UnsupportedImageTypeException"),
)  # fmt: skip

finding = Entity(
    type="aws_ecr_image_scan_finding",
    cls="Finding",
    rows=FINDINGS,
    key=finding_key,
    arn=None,
    name="name",
    web="https://nvd.nist.gov/vuln/detail/{name}",
    props=pick(
        "description", "uri",
        severity=lower("severity"),
        category=Fixed(["vulnerability"]),
        numericSeverity=Via("severity", SEVERITIES.get),
        open=Fixed(value=True),
        packageName=package_fact("name"),
        packageVersion=package_fact("version"),
        attributes=document("attributes"),
        imageScanStatus="^.imageScanStatus.status",
        targets=listed("^.imageDigest"),
    ),
    edges=(
        Edge("aws_ecr_image", "HAS", "aws_ecr_image_scan_finding", at=Template("{^.^.repositoryArn}@{^.imageDigest}")),
    ),
)  # fmt: skip

# The finding's own ARN is the key of Inspector's entity for it.
enhanced_finding = replace(
    finding,
    rows=SameAnswer(FINDINGS, "imageScanFindings.enhancedFindings"),
    key=Template("{^.^.repositoryArn}@{^.imageDigest}/finding/{findingArn}"),
    arn="findingArn",
    name="title",
    created="firstObservedAt",
    web="https://nvd.nist.gov/vuln/detail/{packageVulnerabilityDetails.vulnerabilityId}",
    props=pick(
        "title", "description", "status", "score", "type", "fixAvailable", "exploitAvailable",
        category=Fixed(["vulnerability"]),
        numericSeverity=Via("severity", SEVERITIES.get),
        severity=lower("severity"),
        open=is_one_of("status", "ACTIVE"),
        updatedOn="updatedAt",
        lastObservedOn="lastObservedAt",
        vulnerabilityId="packageVulnerabilityDetails.vulnerabilityId",
        packageName=only("packageVulnerabilityDetails.vulnerablePackages[].name"),
        packageVersion=only("packageVulnerabilityDetails.vulnerablePackages[].version"),
        fixedInVersion=only("packageVulnerabilityDetails.vulnerablePackages[].fixedInVersion"),
        references="packageVulnerabilityDetails.referenceUrls",
        recommendation="remediation.recommendation.text",
        imageScanStatus="^.imageScanStatus.status",
        targets=listed("^.imageDigest"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="ecr",
    client="ecr",
    title="ECR",
    node=service_node("aws_ecr", "Amazon ECR", category=("infrastructure",), function=("storage", "containers")),
    has=("aws_ecr_repository",),
    entities=(repository, image, finding, enhanced_finding),
)
