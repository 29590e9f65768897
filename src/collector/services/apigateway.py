"""Amazon API Gateway: REST APIs (client `apigateway`), HTTP and WebSocket APIs (client `apigatewayv2`).

`apigatewayv2` takes its page size as text. `GetResources` is limited to five calls in two seconds per account.
"""

import re
from urllib.parse import urlsplit

from collector.schema.declarations import (
    RESOURCE,
    Call,
    Computed,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    Links,
    Row,
    Service,
    Source,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import filled, lambda_functions
from collector.schema.values import as_json, computed, document

INVOKED = re.compile(r"/functions/(?P<arn>arn:[^/]+)/invocations")
QUEUE = re.compile(
    r"https://sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?P<china>\.cn)?/(?P<account>\d{12})/(?P<name>[\w.-]+)"
)
UNQUALIFIED = lambda_functions("@").fn


def targets(uris: str | list[str]) -> list[str]:
    """The ARNs in integration URIs; the ARN of a Lambda function comes without its version or alias.

    Left out are URLs, names with stage variables, and direct integrations with AWS services.
    """
    uris = [uris] if isinstance(uris, str) else uris
    arns = [found["arn"] if (found := INVOKED.search(uri)) else uri for uri in uris]
    return list(dict.fromkeys(target for arn in arns if (target := _resource(arn))))


def _resource(arn: str) -> str | None:
    if not arn.startswith("arn:") or arn.split(":")[2] == "apigateway":
        return None
    resource = next(iter(UNQUALIFIED([arn])), arn)
    return None if "${" in resource else resource


def functions(uris: list[str]) -> list[str]:
    """The ARNs of the Lambda functions in integration URIs, without version or alias."""
    return [arn for arn in targets(uris) if arn.split(":")[2] == "lambda"]


def host(uri: str) -> str | None:
    """The host of an HTTP or WebSocket URL; None for an ARN."""
    return urlsplit(uri).hostname if uri.startswith(("http://", "https://", "wss://")) else None


def queue_arn(url: str) -> str | None:
    """The ARN of an SQS queue from its URL; None if the text is no queue URL."""
    found = QUEUE.fullmatch(url)
    if found is None:
        return None
    return f"arn:{'aws-cn' if found['china'] else 'aws'}:sqs:{found['region']}:{found['account']}:{found['name']}"


def unescaped(policy: str) -> str:
    """A policy as JSON: API Gateway returns it with its quotes escaped."""
    return policy.replace('\\"', '"') if policy.startswith('{\\"') else policy


def method_settings(stages: list[Row]) -> str | None:
    """The method settings of all stages as JSON text: stage name to method path to settings."""
    settings = {stage.get("stageName"): found for stage in stages if (found := stage.get("methodSettings"))}
    return as_json(settings) if settings else None


def traced(stages: list[Row]) -> list[str]:
    """The names of the stages with X-Ray tracing."""
    return [stage["stageName"] for stage in stages if stage.get("tracingEnabled") and "stageName" in stage]


def is_public(types: list[str]) -> bool:
    """Whether the API can be reached from outside a VPC."""
    return "PRIVATE" not in types


@computed("^.ApiEndpoint", "RouteKey")
def address(row: Row) -> str | None:
    """The URL of a route in the default stage: the API's endpoint and the path of a key such as `GET /orders`."""
    endpoint, (_, _, path) = row["^"].get("ApiEndpoint"), row.get("RouteKey", "").partition(" ")
    return f"{endpoint}{path}" if endpoint else None


def key(resource: str) -> Template:
    """The ARN of an API Gateway resource. These ARNs contain no account id."""
    return Template(f"arn:{{partition}}:apigateway:{{region}}::{resource}")


def list_per_api(op: str) -> Call:
    """A list operation that is called once per HTTP or WebSocket API."""
    return Call(op, "Items", {"MaxResults": "500"}, each="aws_api_gateway_v2_api", args={"ApiId": "ApiId"})


def connects(type_: str, at: Source, *, by: str = "id") -> Edge:
    """CONNECTS to the integrated resource, of any type."""
    return Edge(type_, "CONNECTS", RESOURCE, at=at, by=by)


rest_api = Entity(
    type="aws_api_gateway_rest_api",
    cls="Gateway",
    rows=Call("get_rest_apis", "items", {"limit": 500}),
    hydrate=(
        Hydrate("get_stages", "Stages", {"restApiId": "id"}),
        Hydrate("get_resources", "Resources", {"restApiId": "id"}, {"embed": ["methods"], "limit": 500}, items="items"),
    ),
    key=key("/restapis/{id}"),
    id="id",
    also={"dns": Template("{id}.execute-api.{region}.{suffix}")},
    name="name",
    created="createdDate",
    web="https://{console}/apigateway/main/apis/{id}/resources?api={id}&region={region}",
    tags="tags",
    props=pick(
        "description", "version", "apiKeySource", "disableExecuteApiEndpoint", "minimumCompressionSize", "rootResourceId",
        "endpointConfiguration.vpcEndpointIds",
        category=Fixed(["application"]),
        function=Fixed(["api-gateway"]),
        public=Via("endpointConfiguration.types", is_public),
        endpointTypes="endpointConfiguration.types",
        policy=Via("policy", unescaped),
        stageNames="Stages.item[].stageName",
        webAclArns="Stages.item[].webAclArn",
        clientCertificateIds="Stages.item[].clientCertificateId",
        accessLogDestinationArns="Stages.item[].accessLogSettings.destinationArn",
        tracedStageNames=Via("Stages.item", traced),
        methodSettings=Via("Stages.item", method_settings),
    ),
    # Stage variables and integration parameters may hold credentials for the backend.
    secrets=("Stages.item[].variables", "Stages.item[].canarySettings.stageVariableOverrides", "Resources[].resourceMethods"),
    facts={"policy": Via("policy", unescaped)},
    edges=(
        Edge(
            "aws_api_gateway_rest_api", "TRIGGERS", "aws_lambda_function",
            at=Via("Resources[].resourceMethods{}.methodIntegration.uri", functions),
        ),
    ),
)  # fmt: skip

api = Entity(
    type="aws_api_gateway_v2_api",
    cls="Gateway",
    client="apigatewayv2",
    rows=Call("get_apis", "Items", {"MaxResults": "500"}),
    hydrate=(Hydrate("get_stages", "Stages", {"ApiId": "ApiId"}, {"MaxResults": "500"}, items="Items"),),
    key=key("/apis/{ApiId}"),
    id="ApiId",
    also={"dns": Via("ApiEndpoint", host)},
    name="Name",
    created="CreatedDate",
    web="https://{console}/apigateway/main/api-detail?api={ApiId}&region={region}",
    tags="Tags",
    props=pick(
        "Description", "ApiEndpoint", "ProtocolType", "DisableExecuteApiEndpoint", "Version", "RouteSelectionExpression",
        category=Fixed(["application"]),
        function=Fixed(["api-gateway"]),
        public=Fixed(value=True),
        corsConfiguration=document("CorsConfiguration"),
        stageNames="Stages[].StageName",
        accessLogDestinationArns="Stages[].AccessLogSettings.DestinationArn",
    ),
    secrets=("Stages[].StageVariables",),
)  # fmt: skip

route = Entity(
    type="aws_api_gateway_v2_route",
    cls="ApplicationEndpoint",
    client="apigatewayv2",
    rows=list_per_api("get_routes"),
    key=key("/apis/{^.ApiId}/routes/{RouteId}"),
    name="RouteKey",
    web="https://{console}/apigateway/main/develop/routes?api={^.ApiId}&region={region}",
    props=pick(
        "RouteId", "RouteKey", "Target", "AuthorizationType", "AuthorizerId", "ApiKeyRequired", "ApiGatewayManaged",
        "OperationName", "AuthorizationScopes",
        id="RouteId",
        address=address,
    ),
    edges=(
        Edge("aws_api_gateway_v2_api", "HAS", "aws_api_gateway_v2_route", at="^.ApiId"),
        # A route's target is `integrations/<id>`.
        Edge("aws_api_gateway_v2_route", "HAS", "aws_api_gateway_v2_integration", at=key("/apis/{^.ApiId}/{Target}")),
        Edge(
            "aws_api_gateway_v2_route", "HAS", "aws_api_gateway_v2_authorizer",
            at=key("/apis/{^.ApiId}/authorizers/{AuthorizerId}"),
        ),
    ),
)  # fmt: skip

integration = Entity(
    type="aws_api_gateway_v2_integration",
    cls="Configuration",
    client="apigatewayv2",
    rows=list_per_api("get_integrations"),
    key=key("/apis/{^.ApiId}/integrations/{IntegrationId}"),
    name="IntegrationId",
    web="https://{console}/apigateway/main/develop/integrations?api={^.ApiId}&region={region}",
    props=pick(
        "IntegrationId", "IntegrationType", "IntegrationSubtype", "IntegrationMethod", "IntegrationUri", "Description",
        "ConnectionType", "ConnectionId", "CredentialsArn", "PayloadFormatVersion", "TimeoutInMillis",
        "TlsConfig.ServerNameToVerify", "ApiGatewayManaged",
        id="IntegrationId",
    ),
    secrets=("RequestParameters", "RequestTemplates"),
    edges=(
        connects("aws_api_gateway_v2_integration", Via("IntegrationUri", targets)),
        connects("aws_api_gateway_v2_integration", Via("IntegrationUri", host), by="dns"),
        connects("aws_api_gateway_v2_integration", Via("RequestParameters.QueueUrl", queue_arn)),
    ),
)  # fmt: skip

authorizer = Entity(
    type="aws_api_gateway_v2_authorizer",
    cls="Configuration",
    client="apigatewayv2",
    rows=list_per_api("get_authorizers"),
    key=key("/apis/{^.ApiId}/authorizers/{AuthorizerId}"),
    name="Name",
    web="https://{console}/apigateway/main/authorize/routes?api={^.ApiId}&region={region}",
    props=pick(
        "AuthorizerId", "AuthorizerType", "AuthorizerUri", "AuthorizerCredentialsArn", "IdentitySource",
        "AuthorizerResultTtlInSeconds", "EnableSimpleResponses",
        id="AuthorizerId",
        jwtIssuer="JwtConfiguration.Issuer",
        jwtAudience="JwtConfiguration.Audience",
    ),
    edges=(connects("aws_api_gateway_v2_authorizer", Via("AuthorizerUri", targets)),),
)  # fmt: skip


def own_domain(row: Row) -> list[str]:
    """The host names that API Gateway gives to a custom domain, of which DNS records are aliases, in lower case."""
    configured = row.get("DomainNameConfigurations") or ()
    return [host.lower() for each in configured if (host := each.get("ApiGatewayDomainName"))]


domain_name = Entity(
    type="aws_api_gateway_domain_name",
    cls="ApplicationEndpoint",
    client="apigatewayv2",
    rows=Call("get_domain_names", "Items", {"MaxResults": "500"}),
    key=key("/domainnames/{DomainName}"),
    also={"dns": Computed(own_domain, ("DomainNameConfigurations[].ApiGatewayDomainName",))},
    name="DomainName",
    web="https://{console}/apigateway/main/publish/domain-names?domain={DomainName}&region={region}",
    tags="Tags",
    props=pick(
        "DomainName",
        address=Template("https://{DomainName}"),
        gatewayDomainNames="DomainNameConfigurations[].ApiGatewayDomainName",
        endpointTypes="DomainNameConfigurations[].EndpointType",
        securityPolicies="DomainNameConfigurations[].SecurityPolicy",
        certificateArns="DomainNameConfigurations[].CertificateArn",
        mutualTlsTruststoreUri="MutualTlsAuthentication.TruststoreUri",
    ),
    edges=(
        Edge(
            "aws_api_gateway_domain_name", "USES", "aws_acm_certificate",
            at="DomainNameConfigurations[].CertificateArn",
        ),
    ),
)  # fmt: skip

# Mappings of REST APIs too: both kinds of APIs share their domains.
mappings = Links(
    title="API mappings",
    client="apigatewayv2",
    rows=Call(
        "get_api_mappings", "Items", {"MaxResults": "500"}, each="aws_api_gateway_domain_name",
        args={"DomainName": "DomainName"}, token="NextToken",  # noqa: S106  (the name of a member)
    ),
    edges=(
        Edge(
            "aws_api_gateway_domain_name", "CONNECTS", ("aws_api_gateway_rest_api", "aws_api_gateway_v2_api"),
            of=key("/domainnames/{^.DomainName}"), at="ApiId", key=filled("ApiMappingKey"), props=pick("Stage", path=filled("ApiMappingKey")),
        ),
    ),
)  # fmt: skip

SERVICE = Service(
    name="apigateway",
    client="apigateway",
    title="API Gateway",
    node=service_node("aws_apigateway", "Amazon API Gateway", category=("network",), function=("api-gateway",)),
    has=("aws_api_gateway_domain_name", "aws_api_gateway_rest_api", "aws_api_gateway_v2_api"),
    entities=(rest_api, api, route, integration, authorizer, domain_name),
    links=(mappings,),
)
