import pytest

from collector.model import Place
from collector.schema.declarations import Computed
from collector.schema.paths import reader
from collector.services.ec2 import compute, interfaces, network, reach

VPC, GATEWAY = "vpc-1", "igw-1"
PLACE = Place("aws-cn", "123456789012", "cn-north-1")
EVERYWHERE, EVERYWHERE_6 = "0.0.0.0/0", "::/0"


def rule(number, action, cidr=EVERYWHERE, protocol="-1", ports=None, *, egress=False):
    entry = {"RuleNumber": number, "RuleAction": action, "Protocol": protocol, "Egress": egress}
    entry["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    return entry | ({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {})


LAST = rule(32767, "deny")


@pytest.mark.parametrize(
    ("entries", "families"),
    [
        ([], set()),
        ([LAST], set()),
        ([LAST, rule(100, "allow")], {4}),
        ([rule(100, "allow", EVERYWHERE_6)], {6}),
        ([rule(100, "allow"), rule(101, "allow", EVERYWHERE_6)], {4, 6}),
        ([rule(100, "allow", egress=True)], set()),
        ([rule(100, "allow", "10.0.0.0/8")], set()),
        ([rule(100, "allow", "172.31.0.0/16")], set()),
        ([rule(100, "allow", "fd00::/8")], set()),
        ([rule(100, "allow", "203.0.113.7/32", "6", (443, 443))], {4}),
        ([rule(90, "deny"), rule(100, "allow")], set()),
        ([rule(100, "allow"), rule(110, "deny")], {4}),
        ([rule(90, "deny", "203.0.113.0/24"), rule(100, "allow", "203.0.113.7/32")], set()),
        ([rule(90, "deny", "203.0.113.7/32"), rule(100, "allow", "203.0.113.0/24")], {4}),
        ([rule(90, "deny", EVERYWHERE_6), rule(100, "allow")], {4}),
        ([rule(90, "deny", protocol="6", ports=(0, 65535)), rule(100, "allow", protocol="6", ports=(22, 22))], set()),
        ([rule(90, "deny", protocol="6", ports=(22, 22)), rule(100, "allow", protocol="6", ports=(0, 65535))], {4}),
        ([rule(90, "deny", protocol="17", ports=(0, 65535)), rule(100, "allow", protocol="6", ports=(22, 22))], {4}),
        ([rule(90, "deny", protocol="6", ports=(0, 65535)), rule(100, "allow")], {4}),
    ],
)
def test_network_acl_rules_are_evaluated_in_order(entries, families):
    assert reach.open_families([{"Entries": entries}]) == families


def table(*routes, subnet=None, main=False):
    association = {"SubnetId": subnet} if subnet else {"Main": main}
    return {"RouteTableId": subnet or "main", "VpcId": VPC, "Routes": list(routes), "Associations": [association]}


def route(gateway, destination=EVERYWHERE, state="active"):
    field = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    return {field: destination, "GatewayId": gateway, "State": state}


OPEN = (rule(100, "allow"),)


def network_row(tables, *, gateways=((GATEWAY, VPC),), entries=OPEN, subnet="subnet-1"):
    attached = [{"InternetGatewayId": name, "Attachments": [{"VpcId": vpc}] if vpc else []} for name, vpc in gateways]
    return {
        "VpcId": VPC,
        "SubnetId": subnet,
        "RouteTables": tables,
        "Gateways": attached,
        "NetworkAcls": [{"Entries": list(entries)}],
    }


@pytest.mark.parametrize(
    ("why", "row", "public"),
    [
        ("gateway, route and rule", network_row([table(route(GATEWAY), main=True)]), True),
        ("no route table", network_row([]), False),
        ("no route to the gateway", network_row([table(route("local"), main=True)]), False),
        ("a NAT gateway's route has no gateway id", network_row([table({"NatGatewayId": "nat-1"}, main=True)]), False),
        ("a VPN gateway", network_row([table(route("vgw-1"), main=True)]), False),
        ("a blackhole", network_row([table(route(GATEWAY, state="blackhole"), main=True)]), False),
        ("detached", network_row([table(route(GATEWAY), main=True)], gateways=((GATEWAY, None),)), False),
        ("attached elsewhere", network_row([table(route(GATEWAY), main=True)], gateways=((GATEWAY, "vpc-2"),)), False),
        ("the owner's gateway is hidden", network_row([table(route(GATEWAY), main=True)], gateways=()), True),
        ("no rule", network_row([table(route(GATEWAY), main=True)], entries=()), False),
        ("an inside rule", network_row([table(route(GATEWAY), main=True)], entries=(rule(1, "allow", "10.0.0.0/8"),)), False),
        ("route and rule of two families", network_row([table(route(GATEWAY, EVERYWHERE_6), main=True)]), False),
        ("another subnet's table", network_row([table(route(GATEWAY), subnet="subnet-2")]), False),
        ("its own table", network_row([table(route(GATEWAY), subnet="subnet-1"), table(main=True)]), True),
        ("its own table, not the main one", network_row([table(subnet="subnet-1"), table(route(GATEWAY), main=True)]), False),
    ],
)  # fmt: skip
def test_a_subnet_is_public_only_with_gateway_route_and_acl(why, row, public):
    assert reach.SUBNET_IS_PUBLIC.fn(row) is public, why


@pytest.mark.parametrize("missing", ["RuleAction", "CidrBlock"])
def test_whether_a_network_is_public_is_unknown_if_a_rule_does_not_say_what_it_does(missing):
    vague = {name: value for name, value in rule(2, "allow").items() if name != missing}
    row = network_row([table(route(GATEWAY), main=True)], entries=(rule(1, "allow"), vague))
    assert reach.SUBNET_IS_PUBLIC.fn(row) is None
    assert reach.VPC_IS_PUBLIC.fn(row) is None


def test_a_vpc_is_public_if_any_of_its_route_tables_is():
    row = network_row([table(main=True), table(route(GATEWAY), subnet="subnet-2")])
    assert reach.VPC_IS_PUBLIC.fn(row) is True
    assert reach.SUBNET_IS_PUBLIC.fn(row) is False


@pytest.mark.parametrize(
    ("tables", "used", "derived"),
    [
        ([], None, True),
        ([table(main=True)], "main", True),
        ([table(main=True), table(subnet="subnet-1")], "subnet-1", None),
        ([table(main=True), table(subnet="subnet-2")], "main", True),
    ],
)
def test_a_subnet_without_a_route_table_of_its_own_uses_the_main_one(tables, used, derived):
    row = network_row(tables)
    assert network.route_table_of.fn(row) == used
    assert network.is_derived.fn(row) is derived


@pytest.mark.parametrize(
    ("reason", "state", "changed", "stopped"),
    [
        ("", "running", None, None),
        (None, "pending", None, None),
        ("User initiated (2026-01-02 03:04:05 GMT)", "stopped", 1767323045000, 1767323045000),
        ("User initiated (2026-01-02 03:04:05 GMT)", "terminated", 1767323045000, None),
        ("Server.InternalError", "stopped", None, None),
    ],
)
def test_the_time_of_a_state_change_is_read_from_its_reason(reason, state, changed, stopped):
    row = {"StateTransitionReason": reason, "State": {"Name": state}}
    assert compute.state_changed.fn(row) == changed
    assert compute.stopped.fn(row) == stopped


@pytest.mark.parametrize(
    ("row", "family"),
    [
        ({}, "linux"),
        ({"Platform": "windows", "Architecture": "x86_64"}, "windows"),
        ({"Platform": "Windows"}, "windows"),
        ({"Architecture": "arm64"}, "linux"),
        ({"Architecture": "arm64_mac"}, "darwin"),
    ],
)
def test_the_operating_system_follows_from_platform_and_architecture(row, family):
    assert compute.os_type.fn(row) == family


def test_groups_and_addresses_of_all_interfaces_of_an_instance_are_unique():
    row = {
        "PrivateIpAddress": "10.0.0.1",
        "PublicIpAddress": "198.51.100.1",
        "SecurityGroups": [{"GroupId": "sg-1"}],
        "NetworkInterfaces": [
            {
                "Groups": [{"GroupId": "sg-1"}],
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.1", "Association": {"PublicIp": "198.51.100.1"}}],
                "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}],
            },
            {
                "Groups": [{"GroupId": "sg-2"}],
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.2", "Association": {"PublicIp": "198.51.100.2"}}],
            },
        ],
    }
    assert compute.security_groups.fn(row) == ["sg-1", "sg-2"]
    assert compute.addresses.fn(row) == ["198.51.100.1", "198.51.100.2", "10.0.0.1", "10.0.0.2", "2001:db8::1"]


def test_a_terminated_instance_has_no_addresses():
    assert compute.addresses.fn({"InstanceId": "i-1"}) == []
    assert compute.security_groups.fn({"InstanceId": "i-1"}) == []


def test_the_public_addresses_of_an_interface_are_its_own_everywhere_and_the_others_in_its_vpc():
    row = {
        "VpcId": VPC,
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.1", "Association": {"PublicIp": "198.51.100.1"}}],
        "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}, {"Ipv6Address": "fd00::1"}],
    }
    assert interfaces.addresses.fn(row) == ["198.51.100.1", "2001:db8::1", "fd00::1", "10.0.0.1"]
    assert interfaces.internet_addresses.fn(row) == ["198.51.100.1", "2001:db8::1"]
    assert interfaces.vpc_addresses.fn(row) == ["10.0.0.1", "2001:db8::1", "fd00::1"]


@pytest.mark.parametrize(
    ("log", "group"),
    [
        ({"LogGroupName": "/vpc"}, "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/vpc"),
        ({"LogDestination": "arn:aws-cn:logs:cn-north-1:1:log-group:x:*"}, "arn:aws-cn:logs:cn-north-1:1:log-group:x"),
        ({}, None),
    ],
)
def test_a_flow_log_gives_its_log_group_arn(log, group):
    assert reader(network.LOG_GROUP)(log, PLACE) == group


@pytest.mark.parametrize(
    ("destination", "bucket"),
    [("arn:aws:s3:::b/p/q/", "arn:aws:s3:::b"), ("arn:aws:s3:::b", "arn:aws:s3:::b"), (None, None)],
)
def test_a_flow_log_gives_its_bucket_arn(destination, bucket):
    assert reader(network.LOG_BUCKET)({"LogDestination": destination}, PLACE) == bucket


@pytest.mark.parametrize(
    ("requester", "accepter", "code", "expected"),
    [("1", "2", "active", True), ("1", "1", "active", False), ("1", "2", "pending-acceptance", False)],
)
def test_the_accepter_draws_a_peering_only_if_another_account_requested_it(requester, accepter, code, expected):
    peering = {
        "RequesterVpcInfo": {"OwnerId": requester},
        "AccepterVpcInfo": {"OwnerId": accepter},
        "Status": {"Code": code},
    }
    assert network.is_requested_by_other_account.fn(peering) is expected


def test_the_ranges_of_a_network_are_those_of_both_families():
    six = {"Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/56"}]}
    four = {"CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "10.1.0.0/16"}]}
    of_vpc, of_subnet = network.vpc.facts["cidrs"], network.subnet.facts["cidrs"]
    assert isinstance(of_vpc, Computed)
    assert isinstance(of_subnet, Computed)
    assert of_vpc.fn({**four, **six}) == ["10.0.0.0/16", "10.1.0.0/16", "2001:db8::/56"]
    assert of_vpc.fn(four) == ["10.0.0.0/16", "10.1.0.0/16"]
    assert of_subnet.fn({"CidrBlock": "10.0.0.0/24", **six}) == ["10.0.0.0/24", "2001:db8::/56"]
