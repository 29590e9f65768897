"""The AWS account: its properties from IAM, Account Management and AWS Organizations.

Organizations lists accounts, tags and parents to its management account only, and throttles other callers.
"""

from typing import Any

from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    First,
    Fixed,
    Hydrate,
    Join,
    Links,
    MappedEntity,
    Nested,
    Row,
    Service,
    Synthetic,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.values import account_of, boolean, listed, only
from collector.services.iam.credential_report import ROOT, any_flag, credential_report, latest_time
from collector.services.s3.access import account_block, block

NO_ORGANIZATION = "AWSOrganizationsNotInUseException"

REPORT = credential_report()
ROOT_MFA = Call(
    "list_virtual_mfa_devices", "VirtualMFADevices", {"AssignmentStatus": "Assigned", "MaxItems": 1000}, client="iam"
)


def is_master(row: Row) -> bool | None:
    """Whether this is the management account of its organization; None if it belongs to no organization."""
    organization = (row.get("Organization") or {}).get("Organization")
    return None if organization is None else bool(organization.get("MasterAccountId") == row["AccountId"])


IS_MASTER = Computed(is_master, ("AccountId", "Organization.Organization.MasterAccountId"))


def member(field: str) -> Computed:
    """A field of this account's own entry in the member list of Organizations."""

    def value(row: Row) -> Any:
        return next((one.get(field) for one in row.get("Members") or () if one.get("Id") == row["AccountId"]), None)

    return Computed(value, ("AccountId", "Members[].Id", f"Members[].{field}"))


def state(row: Row) -> str | None:
    """The state of this account in its organization. AWS replaces `Status` with `State`."""
    found: str | None = member("State").fn(row) or member("Status").fn(row)
    return found


STATE = Computed(state, ("AccountId", "Members[].Id", "Members[].State", "Members[].Status"))


def management_account_key(arn: str) -> str:
    """The entity key of the management account, whose id is part of every member's ARN."""
    _, partition, _, _, number, _ = arn.split(":", 5)
    return f"arn:{partition}:iam::{number}:root"


def is_member(row: Row) -> bool:
    """Whether an account of the organization is not its management account."""
    management = account_of(row.get("Arn", ""))
    return bool(management) and management != row.get("Id")


def contact(kind: str, at: str) -> Hydrate:
    """One of the three alternate contacts."""
    none = ("ResourceNotFoundException",)
    return Hydrate("get_alternate_contact", at, params={"AlternateContactType": kind}, absent=none, client="account")


MEMBERSHIP = pick(
    orgAccountName=member("Name"),
    orgAccountArn=member("Arn"),
    email=listed(member("Email")),
    status=STATE,
    state=STATE,
    joinedMethod=member("JoinedMethod"),
    joinedOn=member("JoinedTimestamp"),
    parentId=only("Parents[].Id"),
    master=IS_MASTER,
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
    rootUserPasswordLastUsed=latest_time("Report", "password_last_used"),
    rootUserPasswordLastChanged=latest_time("Report", "password_last_changed"),
    rootUserPasswordNextRotation=latest_time("Report", "password_next_rotation"),
    rootUserAccessKeyEnabled=any_flag("Report", "access_key_1_active", "access_key_2_active"),
    rootUserAccessKeyLastUsed=latest_time("Report", "access_key_1_last_used_date", "access_key_2_last_used_date"),
)

account = Entity(
    type="aws_account",
    cls="Account",
    rows=Synthetic(),
    join=(
        Join(REPORT, "Report", on="arn", to=ROOT),
        Join(ROOT_MFA, "RootMfa", on="User.Arn", to=ROOT),
    ),
    hydrate=(
        Hydrate("list_account_aliases", "Aliases", items="AccountAliases", client="iam"),
        Hydrate("get_account_summary", "Summary", client="iam"),
        Hydrate("describe_organization", "Organization", absent=(NO_ORGANIZATION,)),
        Hydrate("list_accounts", "Members", params={"MaxResults": 20}, items="Accounts", when=IS_MASTER),
        Hydrate("list_parents", "Parents", {"ChildId": "AccountId"}, items="Parents", when=IS_MASTER),
        Hydrate("list_tags_for_resource", "Tagging", {"ResourceId": "AccountId"}, items="Tags", when=IS_MASTER),
        contact("BILLING", "Billing"),
        contact("OPERATIONS", "Operations"),
        contact("SECURITY", "Security"),
        account_block(),
    ),
    key=ROOT,
    id="AccountId",
    name=First("AccountName", member("Name"), only("Aliases"), "AccountId"),
    active=Computed(lambda row: None if (state := STATE.fn(row)) is None else state == "ACTIVE", STATE.reads),
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
    rows=Nested("aws_account", "Members"),
    when=Computed(is_member, ("Arn", "Id")),
    edges=(
        Edge(
            "aws_account",
            "HAS",
            "aws_account",
            of=Via("Arn", management_account_key),
            at=Template("arn:{partition}:iam::{Id}:root"),
            outside=MappedEntity(
                {
                    "_key": Template("arn:{partition}:iam::{Id}:root"),
                    "_type": Fixed("aws_account"),
                    "_class": Fixed(["Account"]),
                    "id": "Id",
                    "accountId": "Id",
                    "name": "Name",
                    "displayName": "Name",
                    "email": listed("Email"),
                    "status": First("State", "Status"),
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
