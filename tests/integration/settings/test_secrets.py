"""Settings out of AWS Secrets Manager, over HTTP; the environment wins, and no value is ever said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cm_core.errors import SettingsError
from cm_core.settings import get_settings

NAME = "cm/production"
Put = Callable[[str], None]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def put(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """`put('{"CM_…": …}')`: the text of the secret that the settings name."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint, "CM_SECRETS_NAME": NAME,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = boto3.client("secretsmanager")
    client.create_secret(Name=NAME, SecretString="{}")
    yield lambda text: client.put_secret_value(SecretId=NAME, SecretString=text) and None
    client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def test_secrets_are_settings_and_the_environment_wins(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CM_RINGCENTRAL_CLIENT_ID", "from the environment")
    put(json.dumps({
        "CM_PIPEDRIVE_TOKEN": "token-of-the-secret", "CM_RINGCENTRAL_CLIENT_ID": "from the secret",
        "CM_RINGCENTRAL_JWT": "jwt-of-the-secret", "CM_PIPEDRIVE_DAILY_TOKENS": 60_000,
    }))  # fmt: skip
    settings = get_settings()
    assert settings.pipedrive_token is not None
    assert settings.ringcentral_jwt is not None
    assert settings.pipedrive_token.get_secret_value() == "token-of-the-secret"
    assert settings.ringcentral_jwt.get_secret_value() == "jwt-of-the-secret"
    assert settings.ringcentral_client_id == "from the environment"
    assert settings.pipedrive_daily_tokens == 60_000
    assert "of-the-secret" not in repr(settings)


def test_without_a_name_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    assert get_settings().pipedrive_token is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("token-of-the-secret", "no JSON object of settings"),
        ('["token-of-the-secret"]', "no JSON object of settings"),
        ('{"CM_PIPEDRIVE_TOKN": "token-of-the-secret"}', "names that are no settings: CM_PIPEDRIVE_TOKN"),
        ('{"pipedrive_token": "token-of-the-secret"}', "names that are no settings: pipedrive_token"),
        ('{"CM_SECRETS_NAME": "token-of-the-secret"}', "names that are no settings: CM_SECRETS_NAME"),
        ('{"CM_PIPEDRIVE_BURST": "token-of-the-secret"}', "CM_PIPEDRIVE_BURST: Input should be a valid integer"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_without_its_values(put: Put, text: str, says: str) -> None:
    put(text)
    with pytest.raises(SettingsError) as raised:
        get_settings()
    assert says in str(raised.value)
    assert "of-the-secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("CM_SECRETS_NAME", "cm/other", "ResourceNotFoundException. Is the name right"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9", "cannot be asked"),
    ],
)
def test_a_secret_that_cannot_be_read_is_an_error_in_one_line(
    put: Put, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=says) as raised:
        get_settings()
    assert "\n" not in str(raised.value)
