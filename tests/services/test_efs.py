import pytest

from collector.services import efs


@pytest.mark.parametrize(
    ("partition", "region", "name"),
    [
        ("aws", "eu-west-1", "fs-1.efs.eu-west-1.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "fs-1.efs.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "fs-1.efs.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_file_system_has_a_domain_name_in_its_region(partition, region, name):
    arn = f"arn:{partition}:elasticfilesystem:{region}:123456789012:file-system/fs-1"
    assert efs.domain_name.fn({"FileSystemArn": arn, "FileSystemId": "fs-1"}) == name
