from __future__ import annotations

import asyncio
import base64
import os
import ssl
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.config import ConfigurationError, load_settings
from collector.sinks.base import DeliveryError
from collector.sinks.credentials import Token
from collector.sinks.fan_out import FanOutSink
from collector.sinks.jupiterone import JupiterOneSink
from collector.sinks.ndjson import NdjsonSink
from collector.sinks.outputs import sink
from collector.sinks.transport import _seconds
from collector.sinks.upload import UploadSink
from tests.sinks import certificates
from tests.sinks.endpoint import Endpoint, serving
from tests.sinks.factories import batches, deliver, lines, report

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def made(*output, **options):
    return sink(load_settings({"output": output, **options}))


def test_outputs_are_files_or_urls_or_a_list_of_them(monkeypatch):
    monkeypatch.setenv("JUPITERONE_API_KEY", "key")
    monkeypatch.setenv("JUPITERONE_ACCOUNT", "account")
    assert isinstance(made("-"), NdjsonSink)
    assert isinstance(made("https://h/x?y=1"), UploadSink)
    assert isinstance(made("http://localhost:1/x"), UploadSink)
    assert isinstance(made("http://127.9.9.9"), UploadSink)
    assert isinstance(made("http://[::1]:8080/"), UploadSink)
    assert isinstance(made("http://collector.example/", allow_insecure_upload=True), UploadSink)
    assert isinstance(made("jupiterone+https://api.us.jupiterone.io"), JupiterOneSink)
    assert isinstance(made("-", "a.ndjson", "https://h/"), FanOutSink)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (("http://collector.example/",), "http://collector.example is not encrypted"),
        (("jupiterone+http://10.0.0.1/",), "http://10.0.0.1 is not encrypted"),
        (("ftp://h/",), "'ftp://h/' is not https://… or jupiterone"),
        (("https://",), "is not https://…"),
        (("https://h:99999999/",), "the URL is not valid"),
        (("https://user:s3cr3t@h/",), "a URL must not contain credentials"),
        (("-", "-"), "the same output is given twice"),
        (("a.ndjson", "./a.ndjson"), "the same output is given twice"),
        (("jupiterone+https://h/",), "needs JUPITERONE_API_KEY and JUPITERONE_ACCOUNT"),
    ],
)
def test_an_invalid_output_is_rejected_with_a_message_of_one_line(output, message):
    with pytest.raises(ConfigurationError) as error:
        made(*output)
    assert message in str(error.value)
    assert "s3cr3t" not in str(error.value)
    assert "\n" not in str(error.value)


KNOWN = [f"x{name}{compression}" for name in (".ndjson", ".jsonl", ".json") for compression in ("", ".gz", ".zst")]


@pytest.mark.parametrize("output", [*KNOWN, "X.NDJSON.GZ", "a.b/c.d.json", "/dev/null", "/dev/stdout", "/dev/fd/1"])
def test_files_with_known_suffixes_and_what_is_no_file_are_outputs(output):
    assert isinstance(made(output), NdjsonSink)


@pytest.mark.parametrize(
    "output",
    ["x.parquet", "x", "x.gz", "x.zst", "x.csv.gz", "x.ndjson.bz2", "x.json.gz.zst", ".ndjson", "x.ndjson.part"],
)
def test_other_suffixes_are_refused_with_the_known_ones(output):
    for outputs in ((output,), ("-", output), (output, "x.ndjson")):
        with pytest.raises(ConfigurationError) as error:
            made(*outputs)
        known = ".ndjson, .jsonl, .json, each also with .gz or .zst"
        assert str(error.value) == f"--output: {output!r} has no known suffix; known are {known}"


def test_a_named_pipe_needs_no_suffix(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert isinstance(made(str(tmp_path / "pipe")), NdjsonSink)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"header": ("X-Key s3cr3t",)}, "--header must have the form `Name: value`"),
        ({"header": ("X Key: s3cr3t",)}, "--header must have the form `Name: value`"),
        ({"header": ("X-Key: s3cr3t\r\nHost: x",)}, "--header must have the form `Name: value`"),
        ({"client_key": "k.pem"}, "--client-key needs --client-cert"),
        ({"client_cert": "k.pem"}, "No such file or directory"),
        ({"ca_bundle": __file__}, "--ca-bundle"),
    ],
)
def test_invalid_headers_and_certificates_are_rejected_without_showing_them(options, message):
    with pytest.raises(ConfigurationError) as error:
        made("https://h/", **options)
    assert message in str(error.value)
    assert "s3cr3t" not in str(error.value)


def test_a_spool_requires_an_upload():
    with pytest.raises(ConfigurationError, match="--spool applies to uploads"):
        made("-", spool="x")


def test_secrets_appear_in_no_representation_or_error(monkeypatch):
    monkeypatch.setenv("COLLECTOR_UPLOAD_TOKEN", "s3cr3t-token")
    monkeypatch.setenv("JUPITERONE_API_KEY", "s3cr3t-key")
    settings = load_settings({"header": ("X-Key: s3cr3t-header",), "upload_token_command": "echo s3cr3t-command"})
    assert settings.upload_token == "s3cr3t-token"
    assert settings.jupiterone_api_key == "s3cr3t-key"
    assert "s3cr3t" not in repr(settings) + str(settings)
    assert "s3cr3t" not in repr(Token("T", "s3cr3t", None, "s3cr3t"))
    with pytest.raises(ConfigurationError) as error:
        load_settings({"upload_token": ["s3cr3t"]})
    assert "s3cr3t" not in str(error.value)


def test_lists_are_parsed_from_the_environment(monkeypatch):
    monkeypatch.setenv("COLLECTOR_OUTPUT", "-, https://h/")
    monkeypatch.setenv("COLLECTOR_HEADER", "Accept: a, b\nX-Key: c")
    monkeypatch.setenv("COLLECTOR_SPOOL_SIZE", "2GB")
    settings = load_settings({})
    assert settings.output == ("-", "https://h/")
    assert settings.header == ("Accept: a, b", "X-Key: c")
    assert settings.spool_size == 2_000_000_000
    assert load_settings({"output": ("x",)}).output == ("x",)


async def test_a_token_comes_from_a_value_a_file_or_a_command(tmp_path):
    (tmp_path / "token").write_text(" from file\n")
    assert await Token("T").get() is None
    assert await Token("T", "value").get() == "value"
    assert await Token("T", file=tmp_path / "token").get() == "from file"
    assert await Token("T", command=f"{sys.executable} -c 'print(\"from command\")'").get() == "from command"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (Token("T", command="false"), "T: the command failed with exit code 1"),
        (Token("T", command="no-such-command-at-all"), "T: the command could not be run: FileNotFoundError"),
        (Token("T", command="true"), "T: the command output is empty"),
        (Token("T", command="'"), "T: the command could not be run: ValueError"),
    ],
)
async def test_a_token_command_that_fails_is_reported(token, message):
    with pytest.raises(DeliveryError, match=f"^{message}$"):
        await token.get()


async def test_a_missing_token_file_is_reported(tmp_path):
    with pytest.raises(DeliveryError, match=r"T: cannot read .*nothing: No such file"):
        await Token("T", file=tmp_path / "nothing").get()


async def test_a_token_echoed_by_the_endpoint_is_redacted():
    token = Token("T", "s3cr3t")
    await token.get()
    assert token.redact("bad token s3cr3t!") == "bad token REDACTED!"


async def test_headers_and_the_token_are_sent_with_every_request(monkeypatch, tmp_path):
    monkeypatch.setenv("COLLECTOR_UPLOAD_TOKEN", "right")
    endpoint, seen = Endpoint(), []
    endpoint.token = "right"

    async def record_header(_, request, key):
        seen.append(request.headers["X-Team"])

    endpoint.fault = record_header
    async with serving(endpoint.handle) as url:
        await deliver(made(url, header=("X-Team: security",)), batches(3), report())
    assert seen == ["security"] * 4
    assert endpoint.lines == lines(batches(3))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder)
    return folder


def _server_tls(authority, *, client_certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority / "ca.pem")
    context.load_cert_chain(authority / "server.pem")
    context.verify_mode = ssl.CERT_REQUIRED if client_certificate else ssl.CERT_NONE
    return context


async def test_a_client_certificate_is_presented(authority):
    endpoint = Endpoint()
    async with serving(endpoint.handle, ssl_context=_server_tls(authority, client_certificate=True)) as url:
        await deliver(
            made(url, client_cert=authority / "client.pem", ca_bundle=authority / "ca.pem"), batches(2), report()
        )
    assert endpoint.lines == lines(batches(2))


async def test_a_server_with_an_untrusted_certificate_receives_nothing(authority, tmp_path):
    endpoint = Endpoint()
    async with serving(endpoint.handle, ssl_context=_server_tls(authority, client_certificate=False)) as url:
        with pytest.raises(DeliveryError, match=r"2 batches .*no trusted TLS connection.*CERTIFICATE_VERIFY_FAILED"):
            await deliver(made(url), batches(2), report())
    assert endpoint.accepted == {}
    assert len(list((tmp_path / "collector-undelivered").rglob("*.batch"))) == 2


class Proxy:
    """Relays CONNECT, and records each target with its credentials."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.url = ""

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines_ = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        self.requests.append((head.split()[1], lines_.get("Proxy-Authorization", "")))
        host, port = head.split()[1].split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_relay(reader, far_writer), _relay(far_reader, writer))


async def _relay(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest.fixture
async def proxy():
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.url = f"http://us%40er:pa%3Ass@127.0.0.1:{port}"
    yield proxy
    server.close()


@pytest.mark.parametrize("bypassed", [False, True])
async def test_the_proxies_of_the_environment_are_used_and_bypassed(authority, proxy, monkeypatch, bypassed):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1" if bypassed else "other.example")
    endpoint = Endpoint()
    async with serving(endpoint.handle, ssl_context=_server_tls(authority, client_certificate=False)) as url:
        await deliver(made(url, ca_bundle=authority / "ca.pem"), batches(2), report())
        port = url.split(":")[2].split("/")[0]
    assert endpoint.lines == lines(batches(2))
    credentials = "Basic " + base64.b64encode(b"us@er:pa:ss").decode()
    assert set(proxy.requests) == (set() if bypassed else {(f"127.0.0.1:{port}", credentials)})


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("-3", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("soon", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(after, seconds):
    assert _seconds(after, NOW) == seconds


@given(st.text())
def test_any_retry_after_is_a_number_of_seconds(after):
    assert _seconds(after, NOW) >= 0
