"""The keys of a profile in the files of AWS's own tools (`~/.aws/credentials`, `~/.aws/config`)."""

from __future__ import annotations

import os
from configparser import ConfigParser, Error
from dataclasses import replace
from pathlib import Path

from lakeflow.core.errors import ConfigError
from lakeflow.core.settings.storage import Storage


def with_profile(storage: Storage) -> Storage:
    """The storage with the keys and the region of its profile, where it names one.

    ConfigError for a profile that is not there or holds no keys: how those of a single sign-on or of a role are made is
    for AWS's own tools, which put them into the environment.
    """
    name = storage.profile
    if not name:
        return storage
    said = {**_section("AWS_CONFIG_FILE", "config", f"profile {name}"), **_section("AWS_CONFIG_FILE", "config", name)}
    said |= _section("AWS_SHARED_CREDENTIALS_FILE", "credentials", name)
    if not said:
        raise ConfigError(
            f"storage.profile: there is no profile {name!r} in ~/.aws", hint="`aws configure list-profiles`"
        )
    if not {"aws_access_key_id", "aws_secret_access_key"} <= set(said):
        raise ConfigError(
            f"storage.profile: the profile {name!r} holds no access key",
            hint=f"take the profile out of the settings and type: "
            f'eval "$(aws configure export-credentials --profile {name} --format env)"',
        )
    return replace(
        storage,
        access_key_id=said["aws_access_key_id"],
        secret_access_key=said["aws_secret_access_key"],
        session_token=said.get("aws_session_token", ""),
        region=storage.region or said.get("region", ""),
        endpoint=storage.endpoint or said.get("endpoint_url", ""),
    )


def _section(variable: str, file: str, name: str) -> dict[str, str]:
    path = Path(os.environ.get(variable) or Path.home() / ".aws" / file)
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, Error) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__})", hint="mend the file") from None
    return dict(parser[name]) if parser.has_section(name) else {}
