"""The account itself, and what AWS Organizations and IAM tell of it.

Organizations lists accounts, tags and parents to its management account and to delegated administrators only.
"""

from collector.iam.credential_report import any_of, credential_report, time_of
from collector.s3.access import account_block, block
from collector.spec import (
    Call,
    Computed,
    Edge,
    Entity,
    First,
    Fixed,
    Hydrate,
    Join,
    Links,
    Made,
    Other,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.values import boolean, only, present

ROOT = Template("arn:{partition}:iam::{AccountId}:root")
NO_ORGANIZATION = "AWSOrganizationsNotInUseException"
NOT_MANAGEMENT = (NO_ORGANIZATION, "AccessDeniedException")

MEMBERS = Call("list_accounts", "Accounts", {"MaxResults": 20}, absent=NOT_MANAGEMENT)
REPORT = credential_report()
ROOT_MFA = Call(
    "list_virtual_mfa_devices", "VirtualMFADevices", {"AssignmentStatus": "Assigned", "MaxItems": 1000}, client="iam"
)


def is_master(row: Row) -> bool | None:
    """Whether the account manages its organization; nothing outside of one."""
    organization = (row.get("Organization") or {}).get("Organization")
    return None if organization is None else bool(organization.get("MasterAccountId") == row["AccountId"])


def management(arn: str) -> str:
    """The account entity's key of the management account, whose number stands in every member's ARN."""
    _, partition, _, _, number, _ = arn.split(":", 5)
    return f"arn:{partition}:iam::{number}:root"


def is_managed(row: Row) -> bool:
    """Whether an organization's account is another one than its management account."""
    return bool(row["Arn"].split(":")[4] != row["Id"])


def contact(kind: str, at: str) -> Hydrate:
    """One of the three alternate contacts."""
    none = ("ResourceNotFoundException",)
    return Hydrate("get_alternate_contact", at, params={"AlternateContactType": kind}, absent=none, client="account")


MEMBERSHIP = pick(
    orgAccountName=only("Member[].Name"),
    orgAccountArn=only("Member[].Arn"),
    email=only("Member[].Email"),
    status=only("Member[].Status"),
    state=only("Member[].State"),
    joinedMethod=only("Member[].JoinedMethod"),
    joinedOn=only("Member[].JoinedTimestamp"),
    parentId=only("Parents[].Id"),
    master=Computed(is_master, ("AccountId", "Organization.Organization.MasterAccountId")),
    masterAccountId="Organization.Organization.MasterAccountId",
    organizationId="Organization.Organization.Id",
    organizationFeatureSet="Organization.Organization.FeatureSet",
)

ROOT_USER = pick(
    mfaEnabled=boolean("Summary.SummaryMap.AccountMFAEnabled"),
    accountMfaEnabled=boolean("Summary.SummaryMap.AccountMFAEnabled"),
    accountAccessKeysPresent="Summary.SummaryMap.AccountAccessKeysPresent",
    accountSigningCertificatesPresent="Summary.SummaryMap.AccountSigningCertificatesPresent",
    mfaTokenSerial=only("RootMfa[].SerialNumber"),
    rootUserPasswordLastUsed=time_of("Report", "password_last_used"),
    rootUserPasswordLastChanged=time_of("Report", "password_last_changed"),
    rootUserPasswordNextRotation=time_of("Report", "password_next_rotation"),
    rootUserAccessKeyEnabled=any_of("Report", "access_key_1_active", "access_key_2_active"),
    rootUserAccessKeyLastUsed=time_of("Report", "access_key_1_last_used_date", "access_key_2_last_used_date"),
)

account = Entity(
    type="aws_account",
    cls="Account",
    rows=Made(),
    join=(
        Join(MEMBERS, "Member", on="Id", to="AccountId"),
        Join(MEMBERS, "Members", on=Fixed("all"), to=Fixed("all")),
        Join(REPORT, "Report", on="arn", to=ROOT),
        Join(ROOT_MFA, "RootMfa", on="User.Arn", to=ROOT),
    ),
    hydrate=(
        Hydrate("list_account_aliases", "Aliases", items="AccountAliases", client="iam"),
        Hydrate("get_account_summary", "Summary", client="iam"),
        Hydrate("describe_organization", "Organization", absent=(NO_ORGANIZATION,)),
        Hydrate("list_parents", "Parents", {"ChildId": "AccountId"}, items="Parents", when=present("Member")),
        Hydrate("list_tags_for_resource", "Tagging", {"ResourceId": "AccountId"}, items="Tags", when=present("Member")),
        contact("BILLING", "Billing"),
        contact("OPERATIONS", "Operations"),
        contact("SECURITY", "Security"),
        account_block(),
    ),
    key=ROOT,
    id="AccountId",
    name=First(only("Aliases"), only("Member[].Name"), "AccountId"),
    active=Via("Member[].Status", lambda found: found[0] == "ACTIVE" if found else None),
    web="https://{console}/billing/home#/account",
    tags="Tagging",
    props=block()
    | MEMBERSHIP
    | ROOT_USER
    | pick(
        "CallerArn",
        "EnabledRegions",
        vendor=Fixed("Amazon Web Services"),
        alias=only("Aliases"),
        billingContactEmail="Billing.AlternateContact.EmailAddress",
        operationsContactEmail="Operations.AlternateContact.EmailAddress",
        securityContactEmail="Security.AlternateContact.EmailAddress",
    ),
    secrets=("RootMfa[].Base32StringSeed", "RootMfa[].QRCodePNG"),
    facts={"organization": "Members[].Id"},
)

managed = Links(
    title="Accounts of the organization",
    rows=MEMBERS,
    when=Computed(is_managed, ("Arn", "Id")),
    edges=(
        Edge(
            "aws_account",
            "HAS",
            "aws_account",
            of=Via("Arn", management),
            at=Template("arn:{partition}:iam::{Id}:root"),
            outside=Other(
                {
                    "_key": Template("arn:{partition}:iam::{Id}:root"),
                    "_type": Fixed("aws_account"),
                    "_class": Fixed(["Account"]),
                    "id": "Id",
                    "accountId": "Id",
                    "name": "Name",
                    "displayName": "Name",
                    "email": "Email",
                    "status": "Status",
                    "vendor": Fixed("Amazon Web Services"),
                },
                match=(("_type", "_key"),),
            ),
        ),
    ),
)

SERVICE = Service(
    name="account",
    client="organizations",
    title="Account",
    scope="global",
    node=service_node("aws_organizations", "AWS Organizations", category=("platform",), function=("management",)),
    entities=(account,),
    links=(managed,),
)
