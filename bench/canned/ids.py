"""Derives ids, times, addresses and networks from the number of a resource."""

from functools import lru_cache

from .estate import Place

ZONES = "abc"
ENVIRONMENTS = ("production", "staging", "development", "production")


@lru_cache(maxsize=131072)
def digits(number: int) -> str:
    """The last eight hexadecimal digits of every id."""
    return f"{number:08x}"


@lru_cache(maxsize=65536)
def moment(number: int) -> str:
    """A time in the past in the format of the XML protocols."""
    return (
        f"2025-{1 + number % 12:02d}-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d}"
        ".000Z"
    )


def epoch(number: int) -> str:
    """A time in the past in the format of the JSON protocols: seconds with a fraction."""
    return f"{1735689600 + number * 8191 % 31536000}.{number % 1000:03d}"


def basics(place: Place, number: int) -> dict[str, str]:
    """The placeholders of most rows: number, time for XML and for JSON, environment, number for ids of IAM."""
    n = digits(number)
    return {
        "n": n,
        "at": moment(number),
        "epoch": epoch(number),
        "env": ENVIRONMENTS[number & 3],
        "upper": f"{place.here}{n}".upper(),
    }


def vpc_of(place: Place, subnet: int) -> int:
    """The VPC of a subnet."""
    return subnet % place.n["aws_vpc"]


def zone_of(place: Place, subnet: int) -> str:
    """The letter of a subnet's zone."""
    return ZONES[subnet // place.n["aws_vpc"] % 3]


def groups_of(place: Place, vpc: int, salt: int) -> tuple[str, str]:
    """Two security groups of the VPC, which always has at least two."""
    vpcs = place.n["aws_vpc"]
    count = (place.n["aws_security_group"] - vpc + vpcs - 1) // vpcs
    first = salt % count
    return digits(vpc + vpcs * first), digits(vpc + vpcs * ((first + 1) % count))


def subnets_of(place: Place, vpc: int) -> range:
    """The subnets of the VPC, possibly none."""
    return range(vpc, place.n["aws_subnet"], place.n["aws_vpc"])


def children(place: Place, kind: str, parent: int, parents: int) -> range:
    """The resources of a type that belong to number `parent` of `parents`; child ``n`` belongs to ``n % parents``."""
    return range(parent, place.n[kind], parents)


def seat_of(place: Place, interface: int) -> tuple[int, str]:
    """The subnet and the private address of a network interface, unique for up to 4,000 interfaces in a subnet.

    The first interfaces belong to instances, the next ones to NAT gateways. Gateway ``n`` is in subnet ``n``.
    """
    subnets, vpcs, gateway = place.n["aws_subnet"], place.n["aws_vpc"], interface - place.n["aws_instance"]
    if 0 <= gateway < place.n["aws_nat_gateway"]:
        subnet, host = gateway % subnets, gateway // subnets + 4
    else:
        subnet, host = interface % subnets, interface // subnets + 10
    third = subnet // vpcs % 16 * 16 + (host >> 8) % 16
    return subnet, f"10.{subnet % vpcs % 256}.{third}.{host & 255}"


def public_address(place: Place, number: int) -> str:
    """The address of Elastic IP ``number``. Addresses of different places rarely collide."""
    base = int(place.here, 16) % 50 + 13
    return f"{base}.{int(place.here[:2], 16)}.{number >> 8 & 255}.{number & 255}"
