"""The configuration: `troth.toml` in the working directory, each key overridable by a variable `TROTH_…`.

Without any of it the embedded defaults serve the flagship example. `KEYS` is the single list of keys;
`docs/reference/configuration.md` explains them, and a test holds the two together.
"""

from __future__ import annotations

import difflib
import json
import os
import re
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
    host: str
    port: int
    data: Path
    database: str
    keys: Path
    log: str
    site: str | None
    names: tuple[str, ...]
    deliver_to_loopback: bool
    mail: str
    vault: str | None
    submission: tuple[str, ...]
    certificate: tuple[Path, ...]
    relay: str
    streams: Mapping[str, object] | None
    lmtp: str | None
    mail_days: int
    legal_ceiling: int
    legal_ahead: int
    legal_review: int
    legal_bands: Mapping[str, int]
    ports: tuple[int, ...] | None


KEYS = {
    "policy": "The policy: a file, or a directory of its versions. Relative to the file that names it.",
    "data": "The directory of the embedded store and its keys. Relative to the file that names it.",
    "database": "The database as a URL. The embedded one in `data` without it.",
    "keys": "The directory of the record's signing key and last checkpoint. Below `data` without it.",
    "log": "The name of the record: a host name and path under your control, which never changes.",
    "site": "The address under which people read the pages, where a proxy on this machine passes them on.",
    "mail": "How codes are mailed: smtp://user:password@host:587, smtps://…, or a folder. `mail` in `data` without it.",
    "submission": "Where applications submit mail: 127.0.0.1:8769, smtps://0.0.0.0:465, several by commas; or off.",
    "certificate": "The certificate for submission beyond this machine, a PEM file; its key in it, or after a comma.",
    "relay": "Who takes mail from here: smtp://user:password@host:587, smtps://…, or a folder (`sink` in `data`).",
    "streams": "The streams of mail, each a table [streams.NAME] with its purpose, from and so on.",
    "lmtp": "Where a mail server of this machine hands over what comes back from mail, such as 127.0.0.1:8770.",
    "mail_days": "For how many days it is remembered which mail went to whom.",
    "vault": "Where the keys of the vault are: `environment`, or the address of a transit key. Files without it.",
    "names": "Host names under which callers with a key reach the server on a network, separated by commas.",
    "deliver_to_loopback": "`true`: endpoints of recipients may be on this machine, over http, too. For examples.",
    "legal_ceiling": "How many persons a legal request may be about before an officer raises the ceiling for it.",
    "legal_ahead": "How many days people are told before anything is released by a legal request.",
    "legal_review": "Within how many days an emergency is reviewed by a second one.",
    "legal_bands": "Which legal requests are reported in ranges, and how wide: `national-security=250`, by commas.",
    "ports": "Ports of this machine that may answer to others, by commas; `troth verify firewall` finds others.",
    "host": "The address to listen on. Loopback only until there is a service key.",
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

    def text(key: str, default: str) -> str:
        value, source = values.get(key, (default, ""))
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{source}: `{key}` is a text in quotes, and not empty.")
        return value

    def number(key: str, default: int, most: int, what: str, least: int = 0) -> int:
        value, source = values.get(key, (default, ""))
        try:
            read = int(str(value))
        except ValueError:
            read = -1
        if not least <= read <= most:
            raise SettingsError(f"{source}: {what} is a number from {least} to {most}, not '{value}'.")
        return read

    def switch(key: str) -> bool:
        value, source = values.get(key, (False, ""))
        if str(value).lower() not in ("true", "false"):
            raise SettingsError(f"{source}: `{key}` is true or false, not '{value}'.")
        return str(value).lower() == "true"

    data = directory / text("data", "var")
    return Settings(
        policy=directory / text("policy", "policy") if "policy" in values else flagship(),
        host=text("host", "127.0.0.1"),
        port=number("port", 8768, 65535, "the port"),
        data=data,
        database=text("database", f"sqlite:///{data / 'troth.db'}"),
        keys=directory / text("keys", "keys") if "keys" in values else data / "keys",
        log=text("log", "localhost/log"),
        site=_site(text("site", "")) if "site" in values else None,
        names=_names(text("names", "")) if "names" in values else (),
        deliver_to_loopback=switch("deliver_to_loopback"),
        mail=_mail(text("mail", ""), directory) if "mail" in values else str(data / "mail"),
        vault=text("vault", "") if "vault" in values else None,
        submission=_listed(text("submission", "")) if "submission" in values else (),
        certificate=tuple(directory / one for one in _listed(text("certificate", "")))
        if "certificate" in values
        else (),
        relay=_relay(text("relay", ""), directory) if "relay" in values else str(data / "sink"),
        streams=_streams(*values["streams"]) if "streams" in values else None,
        lmtp=text("lmtp", "") if "lmtp" in values else None,
        mail_days=number("mail_days", 400, 36_500, "the number of days", least=7),
        legal_ceiling=number("legal_ceiling", 100, 1_000_000_000, "the ceiling"),
        legal_ahead=number("legal_ahead", 7, 365, "the number of days"),
        legal_review=number("legal_review", 7, 365, "the number of days"),
        legal_bands=_bands(text("legal_bands", "national-security=250")),
        ports=_ports(text("ports", "")) if "ports" in values else None,
    )


def _ports(text: str) -> tuple[int, ...]:
    found = _listed(text)
    for one in found:
        if not one.isdigit() or not 0 < int(one) <= 65535:
            raise SettingsError(f"`ports`: '{one}' is no port, a number from 1 to 65535.")
    return tuple(int(one) for one in found)


def _site(text: str) -> str:
    if not re.match(r"https?://[^/\s]+/?$", text):
        raise SettingsError(f"`site`: '{text}' is not the address of a site, such as https://privacy.example.org.")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]", name):
            raise SettingsError(
                f"`names`: '{name}' is no host name, such as troth.internal.example; no port, no https://."
            )
    return names


def _streams(value: object, source: str) -> Mapping[str, object]:
    """The tables of the streams, as TOML has them, or as JSON in a variable. What is in them is the gate's to check."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise SettingsError(f'{source}: this is JSON, such as {{"news": {{"purpose": …}}}}.') from None
    if not isinstance(value, dict):
        raise SettingsError(f"{source}: each stream is a table of its own, such as [streams.newsletter].")
    return value


def _bands(text: str) -> dict[str, int]:
    found = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        process, _, width = part.partition("=")
        if not re.fullmatch(r"[a-z-]+", process) or not re.fullmatch(r"[1-9][0-9]{0,5}", width):
            raise SettingsError(f"`legal_bands`: '{part}' is not a kind with a width, such as national-security=250.")
        found[process] = int(width)
    return found


def _mail(text: str, directory: Path) -> str:
    if "://" not in text:
        return str(directory / text)
    if not re.match(r"smtps?://(?:[^/@\s]+@)?[^/@:\s]+(?::[0-9]+)?/?$", text):
        shown = re.sub(r"//[^/@]*@", "//…@", text)  # never the password
        raise SettingsError(f"`mail`: '{shown}' is not the address of a mail server like smtp://mail.example.org:587.")
    return text


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _relay(text: str, directory: Path) -> str:
    if "://" not in text:
        return str(directory / text)
    if not re.match(
        r"smtps?://(?:[^/@\s]+@)?(?:[^/@:\s\[\]]+|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?/?(?:\?ca=[^\s]+)?$", text
    ):
        shown = re.sub(r"//[^/@]*@", "//…@", text)  # never the password
        raise SettingsError(f"`relay`: '{shown}' is not the address of a mail server like smtp://mail.example.org:587.")
    return text


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
