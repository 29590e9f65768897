"""Lambda answers."""

from typing import Any

from . import wire
from .answers import AwsError, Paging, Params, answers, detail, every, listing, named, varied
from .estate import Place
from .ids import basics, digits, groups_of, vpc_of

# Used in the rows of other services; the placeholder is the number of the function.
FUNCTION = "arn:aws:lambda:%(region)s:%(account)s:function:fn-%(here)s%(function)s"

_OWN = FUNCTION.replace("%(function)s", "%(n)s")
_FUNCTION: dict[str, Any] = {
    "FunctionName": "fn-%(here)s%(n)s",
    "FunctionArn": _OWN,
    "Runtime": "python3.13",
    "Role": "arn:aws:iam::%(account)s:role/role-%(global)s%(role)s",
    "Handler": "app.handler",
    "CodeSize": 123456,
    "Description": "Function %(n)s",
    "Timeout": 30,
    "MemorySize": 512,
    "LastModified": "%(modified)s",
    "CodeSha256": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG=",
    "Version": "$LATEST",
    "Environment": {"Variables": {f"SETTING_{number}": f"value-{number}-%(n)s" for number in range(8)}},
    "TracingConfig": {"Mode": "PassThrough"},
    "RevisionId": "b0a1c2d3-e4f5-6789-abcd-0000%(n)s",
    "Layers": [{"Arn": "arn:aws:lambda:%(region)s:%(account)s:layer:common:3", "CodeSize": 1000}],
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/fn-%(here)s%(n)s"},
}
_NETWORKED = {
    **_FUNCTION,
    "VpcConfig": {
        "SubnetIds": ["subnet-0%(here)s%(subnet)s"],
        "SecurityGroupIds": ["sg-0%(here)s%(group)s"],
        "VpcId": "vpc-0%(here)s%(vpc)s",
        "Ipv6AllowedForDualStack": False,
    },
}
_FUNCTIONS = {False: _FUNCTION, True: _NETWORKED}
_TAGS = {"Environment": "%(env)s", "Owner": "serverless@example.com", "Name": "fn-%(n)s"}
_INVOKED = {
    "Sid": "events",
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "lambda:InvokeFunction",
    "Resource": _OWN,
    "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:%(region)s:%(account)s:rule/*"}},
}
_POLICY = wire.body(
    "lambda",
    "GetPolicy",
    {"Policy": wire.policy(_INVOKED), "RevisionId": "b0a1c2d3-e4f5-6789-abcd-1111%(n)s"},
)
_DETAILS = {
    networked: wire.body(
        "lambda",
        "GetFunction",
        {
            "Configuration": {**function, "State": "Active", "LastUpdateStatus": "Successful"},
            "Code": {"RepositoryType": "S3", "Location": "https://canned.example.com/fn-%(n)s?X-Amz-Signature=none"},
            "Tags": _TAGS,
        },
    )
    for networked, function in _FUNCTIONS.items()
}


def _fields(place: Place, n: int) -> dict[str, str]:
    subnet = n % place.n["aws_subnet"]
    vpc = vpc_of(place, subnet)
    global_place = place.global_place
    fields = basics(place, n)
    return {
        **fields,
        "modified": fields["at"].replace("Z", "+0000"),
        "global": global_place.here,
        "role": digits((5 * n + 1) % global_place.n["aws_iam_role"]),
        "subnet": digits(subnet),
        "vpc": digits(vpc),
        "group": groups_of(place, vpc, n)[0],
    }


def _networked(_: Place, n: int) -> bool:
    return n % 3 == 0


def _number(place: Place, params: Params, parameter: str = "FunctionName") -> int:
    return named(place, params[parameter], "aws_lambda_function", "ResourceNotFoundException")


_row = varied("lambda", "ListFunctions", "Functions", _FUNCTIONS, _networked, _fields)
_PAGE = Paging("MaxItems", "Marker", "NextMarker", default=50, maximum=50, clamp=True)
listing("lambda", "ListFunctions", "Functions", _row, every("aws_lambda_function"), _PAGE)
detail("lambda", "ListTags", "Resource", "aws_lambda_function", {"Tags": _TAGS}, missing="ResourceNotFoundException")


@answers("lambda", "GetFunction")
def _function(place: Place, params: Params) -> str:
    number = _number(place, params)
    return place.fill(_DETAILS[_networked(place, number)], _fields(place, number))


@answers("lambda", "GetPolicy")
def _policy(place: Place, params: Params) -> str:
    number = _number(place, params)
    if number % 2:
        raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return place.fill(_POLICY, _fields(place, number))
