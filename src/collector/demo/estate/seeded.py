"""The ids of seeded resources."""

from __future__ import annotations


class SeededIds:
    """Ids, names and addresses of seeded resources. Reading one before its step has run raises ``AttributeError``."""

    # Organization and identity
    member_account: str
    user: str
    user_arn: str
    data_policy: str
    roles: dict[str, str]
    saml_provider: str
    oidc_provider: str

    # Keys, network
    key: str
    vpc: str
    second_vpc: str
    partner_vpc: str
    subnet: str
    second_subnet: str
    web_group: str
    data_group: str

    # Computing
    image: str
    instance: str
    instance_ip: str
    spare_interface: str
    spare_ip: str
    address: str
    function: str
    edge_function: str
    container_image: str
    cluster: str
    task_definition: str

    # Data
    database_host: str
    file_system: str

    # Delivery
    certificate: str
    second_certificate: str
    rest_api: str
    load_balancer: str
    load_balancer_host: str
    load_balancer_zone: str
    network_load_balancer: str
    listener: str
    target_group: str
    regional_acl: str
    global_acl: str
    distribution: str
    distribution_host: str
    legacy_distribution: str

    # Security services
    detector: str
    directory: str
    server: str
