"""Amazon Inspector. The assessment is its scan status in a region; findings are requested only if it is enabled there."""

from collector.schema.declarations import (
    Call,
    Describe,
    Edge,
    Entity,
    Failures,
    Fixed,
    Service,
    Source,
    Synthetic,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.values import differs, entry, is_one_of, last_segment, listed, lower, only

COVERAGE = Template("arn:{partition}:inspector2:{region}:{account}:coverage")
ACTIVE = {"findingStatus": [{"comparison": "EQUALS", "value": "ACTIVE"}]}
REACH = "networkReachabilityDetails"
PACKAGE = "packageVulnerabilityDetails"


def path_component(kind: str) -> Source:
    """The id of the component of this type on the network path to the instance."""
    return entry(f"{REACH}.networkPath.steps", kind, name="componentType", value="componentId")


def affected(kind: str) -> Via:
    """The id of the affected resource of this type."""
    return entry("resources", kind, name="type", value="id")


coverage = Entity(
    type="aws_inspector_assessment",
    cls="Assessment",
    scope="regional",
    rows=Synthetic(),
    describe=Describe(
        "batch_get_account_status",
        "accounts",
        ids="accountIds",
        size=100,
        by="AccountId",
        failures=(Failures("failedAccounts[]", code="errorCode", message="errorMessage", id="accountId"),),
    ),
    when=differs("state.status", "DISABLED"),
    key=COVERAGE,
    arn=None,
    name=Template("Amazon Inspector coverage of {region}"),
    active=is_one_of("state.status", "ENABLED"),
    web="https://{console}/inspector/v2/home?region={region}#/dashboard",
    props=pick(
        category=Fixed(["vulnerability-assessment"]),
        summary=Fixed("Continuous scanning by Amazon Inspector"),
        internal=Fixed(value=True),
        status="state.status",
        ec2Status="resourceState.ec2.status",
        ecrStatus="resourceState.ecr.status",
        lambdaStatus="resourceState.lambda.status",
        lambdaCodeStatus="resourceState.lambdaCode.status",
        codeRepositoryStatus="resourceState.codeRepository.status",
    ),
)

NETWORK = pick(
    f"{REACH}.protocol",
    instanceId=affected("AWS_EC2_INSTANCE"),
    port=f"{REACH}.openPortRange.begin",
    toPort=f"{REACH}.openPortRange.end",
    acl=path_component("AWS::EC2::NetworkAcl"),
    eni=path_component("AWS::EC2::NetworkInterface"),
    igw=path_component("AWS::EC2::InternetGateway"),
    securityGroup=path_component("AWS::EC2::SecurityGroup"),
    vpc=only("resources[].details.awsEc2Instance.vpcId"),
)

finding = Entity(
    type="aws_inspector_finding",
    cls="Finding",
    rows=Call(
        "list_findings", "findings", {"maxResults": 100, "filterCriteria": ACTIVE}, each="aws_inspector_assessment"
    ),
    key="findingArn",
    id=last_segment("findingArn"),
    owner="awsAccountId",
    name="title",
    created="firstObservedAt",
    web="https://{console}/inspector/v2/home?region={region}#/findings?finding={findingArn}",
    props=NETWORK
    | pick(
        "type",
        "description",
        "status",
        "lastObservedAt",
        "fixAvailable",
        "exploitAvailable",
        f"{PACKAGE}.vulnerabilityId",
        f"{PACKAGE}.vendorSeverity",
        f"{PACKAGE}.sourceUrl",
        category=listed("type"),
        severity=lower("severity"),
        numericSeverity="inspectorScore",
        open=is_one_of("status", "ACTIVE"),
        updatedOn="updatedAt",
        findingAccountId="awsAccountId",
        score="inspectorScore",
        vector="inspectorScoreDetails.adjustedCvss.scoringVector",
        epssScore="epss.score",
        recommendation="remediation.recommendation.text",
        references=f"{PACKAGE}.referenceUrls",
        vulnerablePackages=f"{PACKAGE}.vulnerablePackages[].name",
        targets="resources[].id",
    ),
    edges=(
        Edge("aws_inspector_assessment", "IDENTIFIED", "aws_inspector_finding", at=COVERAGE),
        Edge("aws_instance", "HAS", "aws_inspector_finding", at=affected("AWS_EC2_INSTANCE")),
    ),
)

SERVICE = Service(
    name="inspector2",
    client="inspector2",
    title="Inspector",
    node=service_node(
        "aws_inspector", "Amazon Inspector", category=("security",), function=("vulnerability-scanning",)
    ),
    has=("aws_inspector_assessment",),
    entities=(coverage, finding),
)
