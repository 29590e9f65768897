"""AWS Certificate Manager. By default it lists only RSA keys of 1024 and 2048 bits, so all key types are requested."""

from collector.schema.declarations import Call, Entity, Hydrate, Service, Via, pick, service_node
from collector.schema.patterns import tagged

KEY_TYPES = [
    "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1",
]  # fmt: skip

certificate = Entity(
    type="aws_acm_certificate",
    cls="Certificate",
    rows=Call("list_certificates", "CertificateSummaryList", {"Includes": {"keyTypes": KEY_TYPES}, "MaxItems": 1000}),
    join=(tagged("acm:certificate", "CertificateArn"),),
    hydrate=(Hydrate("describe_certificate", "Detail", {"CertificateArn": "CertificateArn"}),),
    key="CertificateArn",
    name="DomainName",
    created="Detail.Certificate.CreatedAt",
    active=Via("Detail.Certificate.Status", lambda status: status == "ISSUED"),
    web="https://{console}/acm/home?region={region}#/certificates/{CertificateArn}",
    tags="Tagging[].Tags[]",
    props=pick(
        "DomainName", "Detail.Certificate.Status", "Detail.Certificate.Type", "Detail.Certificate.Issuer",
        "Detail.Certificate.KeyAlgorithm", "Detail.Certificate.SignatureAlgorithm", "Detail.Certificate.NotBefore",
        "Detail.Certificate.IssuedAt", "Detail.Certificate.ImportedAt", "Detail.Certificate.FailureReason",
        "Detail.Certificate.InUseBy", "Detail.Certificate.RenewalEligibility",
        "Detail.Certificate.RenewalSummary.RenewalStatus",
        alternativeNames="Detail.Certificate.SubjectAlternativeNames",
        expiresOn="Detail.Certificate.NotAfter",
        inUse=Via("Detail.Certificate.InUseBy", bool),
        transparencyLogging="Detail.Certificate.Options.CertificateTransparencyLoggingPreference",
    ),
)  # fmt: skip

SERVICE = Service(
    name="acm",
    client="acm",
    title="ACM",
    node=service_node("aws_acm", "AWS Certificate Manager", category=("security",), function=("encryption",)),
    has=("aws_acm_certificate",),
    entities=(certificate,),
)
