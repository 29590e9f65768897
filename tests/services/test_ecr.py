import pytest

from collector.services import ecr

INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, True),
        ({"imageScanStatus": {"status": "ACTIVE"}}, True),
        ({"imageScanStatus": {"status": "COMPLETE"}}, True),
        (
            {
                "imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindingsSummary": {"findingSeverityCounts": {"LOW": 1}},
            },
            True,
        ),
        ({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindingsSummary": {"findingSeverityCounts": {}}}, False),
        ({"imageScanStatus": {"status": "UNSUPPORTED_IMAGE"}}, False),
        ({"imageManifestMediaType": INDEX}, False),
    ],
)
def test_findings_are_requested_unless_the_image_cannot_have_any(image, expected):
    assert ecr.may_have_findings.fn(image) is expected


@pytest.mark.parametrize(
    ("tags", "name", "full"),
    [
        (["1.4", "latest"], "web:1.4", ["host/web:1.4", "host/web:latest", "host/web@sha256:aa"]),
        (None, "web@sha256:aa", ["host/web@sha256:aa"]),
    ],
)
def test_an_image_is_named_by_its_tags_and_its_digest(tags, name, full):
    row = {"repositoryName": "web", "imageDigest": "sha256:aa", "imageTags": tags, "^": {"repositoryUri": "host/web"}}
    assert ecr.image_name.fn(row) == name
    assert ecr.full_names.fn(row) == full


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        (
            [{"key": "package_version", "value": "3.3"}, {"key": "package_name", "value": "openssl"}],
            "web@sha256:aa/finding/CVE-1/openssl/3.3",
        ),
        ([], "web@sha256:aa/finding/CVE-1//"),
        (None, "web@sha256:aa/finding/CVE-1//"),
    ],
)
def test_the_key_of_a_finding_includes_its_package(attributes, key):
    image = {"imageDigest": "sha256:aa", "^": {"repositoryArn": "web"}}
    assert ecr.finding_key.fn({"name": "CVE-1", "attributes": attributes, "^": image}) == key
