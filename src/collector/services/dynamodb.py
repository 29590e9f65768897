"""Amazon DynamoDB."""

from collector.schema.declarations import Call, Entity, Fixed, Hydrate, Service, Template, pick, service_node
from collector.schema.patterns import encrypted_with, tagged
from collector.schema.values import boolean, is_one_of

ARN = Template("arn:{partition}:dynamodb:{region}:{account}:table/{TableName}")
RECOVERY = "Backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription"

table = Entity(
    type="aws_dynamodb_table",
    cls=("DataStore", "Database"),
    rows=Call("list_tables", "TableNames", {"Limit": 100}, wrap="TableName"),
    join=(tagged("dynamodb:table", ARN),),
    hydrate=(
        Hydrate("describe_table", "Detail", {"TableName": "TableName"}),
        Hydrate("describe_continuous_backups", "Backups", {"TableName": "TableName"}),
    ),
    key=ARN,
    id="Detail.Table.TableId",
    name="TableName",
    also={"name": "TableName"},
    created="Detail.Table.CreationDateTime",
    active=is_one_of("Detail.Table.TableStatus", "ACTIVE", "UPDATING"),
    web="https://{console}/dynamodbv2/home?region={region}#table?name={TableName}",
    tags="Tagging[].Tags[]",
    props=pick(
        "Detail.Table.ItemCount", "Detail.Table.TableSizeBytes", "Detail.Table.BillingModeSummary.BillingMode",
        "Detail.Table.ProvisionedThroughput.ReadCapacityUnits", "Detail.Table.ProvisionedThroughput.WriteCapacityUnits",
        "Detail.Table.StreamSpecification.StreamEnabled", "Detail.Table.LatestStreamArn",
        "Detail.Table.GlobalTableVersion", "Detail.Table.DeletionProtectionEnabled",
        "Detail.Table.TableClassSummary.TableClass",
        status="Detail.Table.TableStatus",
        encrypted=Fixed(value=True),  # always; a table without an SSE description uses a key owned by AWS
        sseStatus="Detail.Table.SSEDescription.Status",
        encryptionAlgorithm="Detail.Table.SSEDescription.SSEType",
        kmsMasterKeyArn="Detail.Table.SSEDescription.KMSMasterKeyArn",
        replicaRegions="Detail.Table.Replicas[].RegionName",
        continuousBackupEnabled=boolean("Backups.ContinuousBackupsDescription.ContinuousBackupsStatus"),
        pointInTimeRecoveryEnabled=boolean(f"{RECOVERY}.PointInTimeRecoveryStatus"),
        hasBackup=boolean(f"{RECOVERY}.PointInTimeRecoveryStatus"),
        retentionPeriod=f"{RECOVERY}.RecoveryPeriodInDays",
    ),
    edges=encrypted_with("aws_dynamodb_table", "Detail.Table.SSEDescription.KMSMasterKeyArn"),
)  # fmt: skip

SERVICE = Service(
    name="dynamodb",
    client="dynamodb",
    title="DynamoDB",
    node=service_node("aws_dynamodb", "Amazon DynamoDB", category=("platform",), function=("database",)),
    has=("aws_dynamodb_table",),
    entities=(table,),
)
