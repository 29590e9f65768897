"""AWS Lambda.

`ListFunctions` omits tags, state, reserved concurrency and code location. `GetFunction` returns all four, and has a far
higher rate limit than `ListTags`.
"""

from collector.schema.declarations import Call, Edge, Entity, Failures, Hydrate, Service, Via, pick, service_node
from collector.schema.patterns import encrypted_with, filled, guarded_by
from collector.schema.values import document, epoch, listed

function = Entity(
    type="aws_lambda_function",
    cls="Function",
    rows=Call("list_functions", "Functions", {"MaxItems": 1000}),
    hydrate=(
        # The answer has no tags if the caller may not list them, or Lambda could not read them.
        Hydrate(
            "get_function", "Detail", {"FunctionName": "FunctionArn"},
            failures=(Failures("TagsError", code="ErrorCode", message="Message"),),
        ),
        Hydrate("get_policy", "Permission", {"FunctionName": "FunctionArn"}, absent=("ResourceNotFoundException",)),
    ),
    key="FunctionArn",
    name="FunctionName",
    active=Via("Detail.Configuration.State", lambda state: state == "Active"),
    web="https://{console}/lambda/home?region={region}#/functions/{FunctionName}",
    tags="Detail.Tags",
    props=pick(
        "FunctionName", "Description", "Runtime", "Role", "Handler", "Timeout", "MemorySize", "CodeSize", "CodeSha256",
        "Version", "PackageType", "Architectures", "VpcConfig.SubnetIds", "VpcConfig.SecurityGroupIds",
        "Detail.Configuration.State",
        id="FunctionName",
        updatedOn=epoch("LastModified"),
        vpcId=filled("VpcConfig.VpcId"),
        kmsKeyArn="KMSKeyArn",
        tracingMode="TracingConfig.Mode",
        layers="Layers[].Arn",
        efsArns="FileSystemConfigs[].Arn",
        deadLetterTargetArn="DeadLetterConfig.TargetArn",
        concurrency="Detail.Concurrency.ReservedConcurrentExecutions",
        codeRepoType="Detail.Code.RepositoryType",
        codeImageUri="Detail.Code.ImageUri",
        codeResolvedImageUri="Detail.Code.ResolvedImageUri",
        containerImages=listed("Detail.Code.ImageUri"),
        policy=document("Permission.Policy"),
    ),
    # The code location is a presigned URL.
    secrets=("Environment.Variables", "Detail.Configuration.Environment.Variables", "Detail.Code.Location"),
    facts={"policy": "Permission.Policy"},
    edges=(
        Edge("aws_lambda_function", "HAS", "aws_iam_role", at="Role"),
        Edge("aws_lambda_function", "HAS", "aws_vpc", at="VpcConfig.VpcId"),
        *guarded_by("aws_lambda_function", "VpcConfig.SecurityGroupIds[]"),
        *encrypted_with("aws_lambda_function", "KMSKeyArn"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="lambda",
    client="lambda",
    title="Lambda",
    node=service_node("aws_lambda", "AWS Lambda", category=("infrastructure",), function=("compute", "serverless")),
    has=("aws_lambda_function",),
    entities=(function,),
)
