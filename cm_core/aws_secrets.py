"""Settings out of a secret of AWS Secrets Manager: a JSON object of `CM_…` names. Other sources of settings win.

Where the secret is, is boto3's business: region, credentials and endpoint as for any program of AWS.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from cm_core.errors import SettingsError

_PREFIX = "CM_"
#: Names the secret: not a setting that could be in it.
NAME = "CM_SECRETS_NAME"

Read = Callable[[str], str]


class SecretsSource(PydanticBaseSettingsSource):
    """The secret that CM_SECRETS_NAME names; nothing where it names none. It is read when settings are."""

    def __init__(self, settings_class: type[BaseSettings], read: Read | None = None) -> None:
        super().__init__(settings_class)
        self._read = read or read_secret

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not asked for: all values come at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Field -> value. Raises SettingsError for a secret that cannot be read or has names that are no settings."""
        name = os.environ.get(NAME, "").strip()
        return self._fields(name, self._read(name)) if name else {}

    def _fields(self, name: str, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, Mapping):
            raise SettingsError(f"The secret {name!r} ({NAME}) is no JSON object of settings (CM_...).")
        fields = {key: key.removeprefix(_PREFIX).lower() for key in map(str, found)}
        known = self.settings_cls.model_fields.keys() - {"secrets_name"}
        unknown = sorted(key for key, field in fields.items() if not key.startswith(_PREFIX) or field not in known)
        if unknown:
            raise SettingsError(f"The secret {name!r} ({NAME}) has names that are no settings: {', '.join(unknown)}.")
        return {fields[str(key)]: value for key, value in found.items()}


def read_secret(name: str) -> str:
    """The text of the secret. Raises SettingsError where it cannot be read."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
    try:
        answer = boto3.client("secretsmanager", config=config).get_secret_value(SecretId=name)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise SettingsError(
            f"AWS Secrets Manager does not give the secret {name!r} ({NAME}): {code}. Is the name right, and may this "
            "account call secretsmanager:GetSecretValue on it?"
        ) from None
    except BotoCoreError as error:
        reason = str(error).partition("\n")[0]
        raise SettingsError(f"AWS Secrets Manager cannot be asked for {name!r} ({NAME}): {reason}") from None
    text = answer.get("SecretString")
    if text is None:
        raise SettingsError(f"The secret {name!r} ({NAME}) is binary; it must be a JSON object of settings (CM_...).")
    return str(text)
