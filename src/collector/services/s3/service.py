"""Amazon S3. Buckets are listed once for the account; further calls go to the region of each bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    MappedEntity,
    Nested,
    Row,
    Service,
    Source,
    Template,
    pick,
    service_node,
)
from collector.schema.paths import walker
from collector.schema.patterns import encrypted_with
from collector.schema.values import document, equals, only, present, unique
from collector.services.s3.access import (
    AUTHENTICATED,
    EVERYONE,
    access,
    account_block,
    block,
    is_public,
    policy_blocked_by,
    public_grant,
    requires_tls,
)

OLD_NAMES = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""Location constraints that are no region names (source: S3 documentation of `GetBucketLocation`)."""


REGION_READS = ("BucketRegion", "Location.LocationConstraint")
HOST_READS = ("Name", *REGION_READS)


def region_of(row: Row) -> str | None:
    """The bucket's region. S3 returns it with the list; S3-compatible servers may omit it, then `Location` has it."""
    if "Location" in row:
        location: str | None = row["Location"].get("LocationConstraint")
        return OLD_NAMES.get(location, location)
    return row.get("BucketRegion")


def hosts(row: Row) -> Iterator[str]:
    """The host names of the bucket's endpoints, the global one first."""
    name, region = row.get("Name"), region_of(row) or "us-east-1"
    if not name:
        return
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if domain == "amazonaws.com":
        yield f"{name}.s3.{domain}"
    yield f"{name}.s3.{region}.{domain}"
    yield f"{name}.s3-{region}.{domain}"
    yield f"{name}.s3-website-{region}.{domain}"
    yield f"{name}.s3-website.{region}.{domain}"


def detail(op: str, at: str, *absent: str, when: Source | None = None) -> Hydrate:
    """A further call per bucket, with the error codes that mean that it has none."""
    return Hydrate(op, at, {"Bucket": "Name"}, absent=absent, when=when)


def any_enabled(path: str) -> Computed:
    """Whether any rule is enabled; the path leads to the status of each rule."""
    walk = walker(path)
    return Computed(lambda row: "Enabled" in (walk(row) or ()), (path,))


def if_versioned(value: Computed) -> Computed:
    """A value from a call that depends on versioning: it is unknown if the versioning status is."""
    return replace(value, reads=(*value.reads, "Versioning.Status"))


def acl_grants(type_: str, uri: str, entity: dict[str, Source], match: tuple[str, ...]) -> Edge:
    """The grants of the bucket ACL to a predefined S3 group."""
    return Edge(
        "aws_s3_bucket",
        "ALLOWS",
        type_,
        each="Acl.Grants",
        when=equals("Grantee.URI", uri),
        key="Permission",
        props=pick("Permission", granteeType="Grantee.Type", granteeURI="Grantee.URI") | public_grant(),
        outside=MappedEntity(entity, match=(match,)),
    )


EVERYONE_ENTITY: dict[str, Source] = {
    "_key": Fixed("global:everyone"),
    "_type": Fixed("everyone"),
    "_class": Fixed(["UserGroup", "Everyone"]),
    "displayName": Fixed("Everyone (Public Global)"),
    "principal": Fixed("*"),
    "public": Fixed(value=True),
}

AUTHENTICATED_ENTITY: dict[str, Source] = {
    "_class": Fixed("UserGroup"),
    "name": Fixed("AuthenticatedUsers"),
    "displayName": Fixed("Every AWS account"),
}

RULES = "Encryption.ServerSideEncryptionConfiguration.Rules"
KEY = "ApplyServerSideEncryptionByDefault.KMSMasterKeyID"
ALGORITHM = "ApplyServerSideEncryptionByDefault.SSEAlgorithm"
VERSIONED = equals("Versioning.Status", "Enabled")


def uses_key_of_s3(rule: Row) -> bool:
    """Whether a rule encrypts with KMS and names no key. A rule may have no default, and only set the bucket key."""
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return "KMSMasterKeyID" not in default and default.get("SSEAlgorithm", "").startswith("aws:kms")


uses_default_key = Edge(
    "aws_s3_bucket",
    "USES",
    "aws_kms_key",
    each=RULES,
    at=Template("arn:{partition}:kms:{region}:{account}:alias/aws/s3"),
    by="alias",
    when=Computed(uses_key_of_s3, (KEY, ALGORITHM)),
)

DETAILS = (
    detail("get_bucket_location", "Location", when=Computed(lambda row: "BucketRegion" not in row, ("BucketRegion",))),
    detail("get_bucket_policy", "Policy", "NoSuchBucketPolicy"),
    detail("get_bucket_policy_status", "PolicyStatus", "NoSuchBucketPolicy", when=present("Policy")),
    detail("get_public_access_block", "Block", "NoSuchPublicAccessBlockConfiguration"),
    detail("get_bucket_acl", "Acl"),
    detail("get_bucket_ownership_controls", "Ownership", "OwnershipControlsNotFoundError"),
    detail("get_bucket_encryption", "Encryption", "ServerSideEncryptionConfigurationNotFoundError"),
    detail("get_bucket_versioning", "Versioning"),
    detail("get_bucket_logging", "Logging"),
    detail("get_bucket_tagging", "Tagging", "NoSuchTagSet"),
    detail("get_bucket_website", "Website", "NoSuchWebsiteConfiguration"),
    detail("get_bucket_lifecycle_configuration", "Lifecycle", "NoSuchLifecycleConfiguration"),
    detail("get_bucket_notification_configuration", "Notification"),
    detail("get_bucket_replication", "Replication", "ReplicationConfigurationNotFoundError", when=VERSIONED),
    detail("get_object_lock_configuration", "Lock", "ObjectLockConfigurationNotFoundError", when=VERSIONED),
)

ACCESS = pick(
    public=is_public(),
    access=access(),
    policyIsPublic="PolicyStatus.PolicyStatus.IsPublic",
    aclGranteeUris=unique("Acl.Grants[].Grantee.URI"),
    ownerId="Acl.Owner.ID",
    objectOwnership=only("Ownership.OwnershipControls.Rules[].ObjectOwnership"),
    secureTransport=requires_tls(),
)

SETTINGS = pick(
    encrypted=present(RULES),
    defaultEncryptionEnabled=present(RULES),
    encryptionAlgorithm=only(f"{RULES}[].{ALGORITHM}"),
    kmsMasterKeyId=only(f"{RULES}[].{KEY}"),
    bucketKeyEnabled=only(f"{RULES}[].BucketKeyEnabled"),
    versioningEnabled=VERSIONED,
    mfaDelete=equals("Versioning.MFADelete", "Enabled"),
    loggingEnabled=present("Logging.LoggingEnabled"),
    loggingTargetBucket="Logging.LoggingEnabled.TargetBucket",
    loggingTargetPrefix="Logging.LoggingEnabled.TargetPrefix",
    lifecycleEnabled=any_enabled("Lifecycle.Rules[].Status"),
    replicationEnabled=if_versioned(any_enabled("Replication.ReplicationConfiguration.Rules[].Status")),
    destinationBuckets=unique("Replication.ReplicationConfiguration.Rules[].Destination.Bucket"),
    notificationEnabled=present("Notification"),
    objectLockEnabled=if_versioned(equals("Lock.ObjectLockConfiguration.ObjectLockEnabled", "Enabled")),
    websiteEnabled=present("Website"),
    websiteIndexDocument="Website.IndexDocument.Suffix",
)

bucket = Entity(
    type="aws_s3_bucket",
    cls="DataStore",
    rows=Call("list_buckets", "Buckets", {"MaxBuckets": 1000}, each="aws_s3"),
    hydrate=DETAILS,
    key=Template("arn:{partition}:s3:::{Name}"),
    id="Name",
    also={"dns": Computed(lambda row: list(hosts(row)), HOST_READS)},
    region=Computed(region_of, REGION_READS),
    name="Name",
    created="CreationDate",
    web="https://{console}/s3/buckets/{Name}?region={region}",
    tags="Tagging.TagSet",
    props=block()
    | ACCESS
    | SETTINGS
    | pick(
        bucketName="Name",
        baseUrl=Computed(lambda row: f"https://{next(hosts(row), '')}", HOST_READS),
        locationConstraint="Location.LocationConstraint",
    ),
    facts={"policy": "Policy.Policy", "canonicalUser": "Acl.Owner.ID", "blockedBy": policy_blocked_by()},
    edges=(
        *(replace(edge, each=RULES) for edge in encrypted_with("aws_s3_bucket", KEY)),
        uses_default_key,
        acl_grants("Everyone", EVERYONE, EVERYONE_ENTITY, ("_type", "_key")),
        acl_grants("UserGroup", AUTHENTICATED, AUTHENTICATED_ENTITY, ("_class", "name")),
    ),
)

bucket_policy = Entity(
    type="aws_s3_bucket_policy",
    cls="AccessPolicy",
    rows=Nested("aws_s3_bucket", "Policy"),
    key=Template("arn:{partition}:s3:::{^.Name}/policy"),
    arn=None,
    name=Template("{^.Name}"),
    web="https://{console}/s3/buckets/{^.Name}?region={region}&tab=permissions",
    props=pick(
        bucketName="^.Name",
        policy=document("Policy"),
        public="^.PolicyStatus.PolicyStatus.IsPublic",
    ),
    edges=(Edge("aws_s3_bucket", "HAS", "aws_s3_bucket_policy", at=Template("arn:{partition}:s3:::{^.Name}")),),
)

SERVICE = Service(
    name="s3",
    client="s3",
    title="S3",
    scope="global",
    node=service_node(
        "aws_s3",
        "Amazon S3",
        category=("infrastructure",),
        function=("storage",),
        hydrate=(account_block(),),
        props=block(),
    ),
    has=("aws_s3_bucket",),
    entities=(bucket, bucket_policy),
)
