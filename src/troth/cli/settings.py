"""The configuration: `troth.toml` in the working directory, each key overridable by a variable `TROTH_…`.

Without any of it the embedded defaults serve the flagship example. `KEYS` is the single list of keys;
`docs/reference/configuration.md` explains them, and a test holds the two together.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

import troth

FILE = "troth.toml"


class SettingsError(ValueError):
    """A configuration that cannot be used; the message names the place and the remedy."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the configuration. Paths are absolute."""

    policy: Path
    host: str = "127.0.0.1"
    port: int = 8080


KEYS = {
    "policy": "The policy: a file, or a directory of its versions. Relative to the file that names it.",
    "host": "The address to listen on. Loopback only until service keys exist.",
    "port": "The port to listen on.",
}


def flagship() -> Path:
    """The directory of the flagship example: in a checkout beside `src`, else in the package."""
    package = Path(troth.__file__).resolve().parent
    for root in (package.parents[1] / "examples", package / "examples"):
        if (root / "citrix-online").is_dir():
            return root / "citrix-online"
    raise SettingsError("The flagship example is not installed. Name a policy with --policy or in troth.toml.")


def settings(directory: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The configuration of a directory (default: the working directory). SettingsError names what is wrong."""
    directory = (directory or Path.cwd()).resolve()
    environment = os.environ if environment is None else environment
    values = _file(directory / FILE)
    for key in KEYS:
        variable = f"TROTH_{key.upper()}"
        if variable in environment:
            values[key] = (environment[variable], variable)
    policy, source = values.get("policy", (None, ""))
    port, port_source = values.get("port", (8080, ""))
    host, _ = values.get("host", ("127.0.0.1", ""))
    try:
        number = int(str(port))
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise SettingsError(f"{port_source}: the port is a number from 0 to 65535, not '{port}'.")
    if policy is not None and (not isinstance(policy, str) or not policy):
        raise SettingsError(f"{source}: the policy is a path in quotes.")
    return Settings(policy=directory / policy if policy else flagship(), host=str(host), port=number)


def _file(path: Path) -> dict[str, tuple[object, str]]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the file cannot be read: {error}.") from None
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: this is not TOML: {error}.") from None
    for key in read:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise SettingsError(f"{path}: there is no key '{key}'.{hint} Allowed: {', '.join(KEYS)}.")
    return {key: (value, f"{path}, `{key}`") for key, value in read.items()}
