"""AWS Key Management Service (KMS). A key policy can deny access to everyone, account administrators included."""

from collector.schema.declarations import Call, Entity, First, Hydrate, Join, Row, Service, pick, service_node
from collector.schema.values import computed, equals, only

KEY_ID = {"KeyId": "KeyId"}
INVALID_STATE = "KMSInvalidStateException"
SHUT_OUT = "AccessDeniedException: resource-based policy"


@computed(
    "Detail.KeyMetadata.KeyManager",
    "Detail.KeyMetadata.KeySpec",
    "Detail.KeyMetadata.KeyUsage",
    "Detail.KeyMetadata.Origin",
)
def may_rotate(row: Row) -> bool:
    """Whether the key supports automatic rotation, so that its rotation status can be read."""
    key = (row.get("Detail") or {}).get("KeyMetadata") or {}
    kind = key.get("KeyManager"), key.get("KeySpec"), key.get("KeyUsage"), key.get("Origin")
    return kind == ("CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS")


key = Entity(
    type="aws_kms_key",
    cls="CryptoKey",
    rows=Call("list_keys", "Keys", {"Limit": 1000}),
    join=(Join(Call("list_aliases", "Aliases", {"Limit": 100}), "Aliases", on="TargetKeyId", to="KeyId"),),
    hydrate=(
        Hydrate("describe_key", "Detail", KEY_ID, absent=(SHUT_OUT,)),
        Hydrate("get_key_policy", "Access", KEY_ID, {"PolicyName": "default"}, absent=(SHUT_OUT, INVALID_STATE)),
        Hydrate(
            "get_key_rotation_status", "Rotation", KEY_ID, when=may_rotate,
            absent=(SHUT_OUT, "UnsupportedOperationException", INVALID_STATE),
        ),
        Hydrate(
            "list_resource_tags", "Tags", KEY_ID, {"Limit": 50}, items="Tags",
            when=equals("Detail.KeyMetadata.KeyManager", "CUSTOMER"), absent=(SHUT_OUT, INVALID_STATE),
        ),
    ),
    key="KeyArn",
    id="KeyId",
    name=First(only("Aliases[].AliasName"), "KeyId"),
    also={"alias": "Aliases[].AliasArn"},
    created="Detail.KeyMetadata.CreationDate",
    active="Detail.KeyMetadata.Enabled",
    web="https://{console}/kms/home?region={region}#/kms/keys/{KeyId}",
    tags="Tags",
    props=pick(
        "Detail.KeyMetadata.Description", "Detail.KeyMetadata.Enabled", "Detail.KeyMetadata.KeyState",
        "Detail.KeyMetadata.KeyUsage", "Detail.KeyMetadata.KeyManager", "Detail.KeyMetadata.KeySpec",
        "Detail.KeyMetadata.Origin", "Detail.KeyMetadata.DeletionDate", "Detail.KeyMetadata.ValidTo",
        "Detail.KeyMetadata.MultiRegion", "Detail.KeyMetadata.ExpirationModel",
        "Detail.KeyMetadata.EncryptionAlgorithms", "Rotation.KeyRotationEnabled", "Access.Policy",
        aliases="Aliases[].AliasName",
    ),
    facts={"policy": "Access.Policy"},
)  # fmt: skip

SERVICE = Service(
    name="kms",
    client="kms",
    title="KMS",
    node=service_node("aws_kms", "AWS KMS", category=("security",), function=("key-management", "encryption")),
    has=("aws_kms_key",),
    entities=(key,),
)
