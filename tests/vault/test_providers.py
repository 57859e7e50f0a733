"""Where the keys come from: files, the environment, and a key service that answers, refuses, or is away."""

import ipaddress
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from collecting import EMAIL, account, item, put, values
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from transit_server import TOKEN, Transit, running

from troth.people import open_people
from troth.policy.history import Policy
from troth.store import Store
from troth.vault import Vault, VaultError, open_vault
from troth.vault.choosing import key_provider
from troth.vault.errors import (
    KeyProviderError,
    KeyProviderUnavailableError,
    MissingVaultKeyError,
    UnsafeVaultKeyError,
)
from troth.vault.providers import EnvironmentKeys, FileKeys, KeyProvider
from troth.vault.transit import TransitKeys

HEX = ["11" * 32, "22" * 32, "33" * 32]


@pytest.fixture
def transit() -> Transit:
    return Transit()


@pytest.fixture
def address(transit: Transit) -> Iterator[str]:
    with running(transit) as address:
        yield f"{address}/transit/troth"


def opened(store: Store, keys: Path, policy: Policy, provider: KeyProvider) -> Vault:
    return open_vault(store, open_people(store, keys, policy), provider)


def told(error: pytest.ExceptionInfo[VaultError], *secrets: str) -> str:
    """What an error says; never a secret."""
    text = str(error.value)
    assert not [secret for secret in (TOKEN, *secrets) if secret in text]
    return text


def test_the_configuration_says_where_the_keys_are(tmp_path: Path) -> None:
    assert isinstance(key_provider(None, tmp_path), FileKeys)
    assert isinstance(key_provider("environment", tmp_path), EnvironmentKeys)
    assert isinstance(key_provider("https://vault.example/transit/troth", tmp_path), TransitKeys)
    for wrong in ("files", "https://vault.example", "https://vault.example/troth", "ftp://vault.example/transit/troth",
                  "http://vault.example/transit/troth", "https://s.token@vault.example/transit/troth"):  # fmt: skip
        with pytest.raises(KeyProviderError):
            key_provider(wrong, tmp_path)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    provider = FileKeys(tmp_path / "vault")
    assert provider.epochs() == []
    for epoch in (1, 2, 10):
        provider.create(epoch)
    assert provider.epochs() == [1, 2, 10]
    first = provider.get(1)
    provider.create(1)
    assert (provider.get(1), len(first)) == (first, 32)
    assert len({provider.get(epoch) for epoch in provider.epochs()}) == 3
    assert {path.stat().st_mode & 0o777 for path in provider.folder.iterdir()} == {0o600}
    provider.destroy(1)
    provider.destroy(1)
    assert provider.epochs() == [2, 10]
    with pytest.raises(MissingVaultKeyError, match="Restore it"):
        provider.get(1)
    provider.path(2).rename(provider.path(1))
    with pytest.raises(UnsafeVaultKeyError, match="epoch 1"):
        provider.get(1)


def test_keys_of_the_environment(store: Store, policy: Policy, keys: Path) -> None:
    environment = {"TROTH_VAULT_KEYS": ""}
    provider = EnvironmentKeys(environment)
    with pytest.raises(KeyProviderError, match="Add 1:"):
        opened(store, keys, policy, provider)
    environment["TROTH_VAULT_KEYS"] = f"1:{HEX[0]}"
    vault = opened(store, keys, policy, provider)
    put(vault, account("ann"), [item(EMAIL, 1)])
    with pytest.raises(KeyProviderError, match="none of epoch 2"):
        vault.ring.rotate()
    environment["TROTH_VAULT_KEYS"] = f"1:{HEX[0]}, 2:{HEX[1]}"
    assert vault.ring.rotate() == 2
    assert vault.rewrap() == 1
    with pytest.raises(KeyProviderError, match="Take it from TROTH_VAULT_KEYS") as error:
        vault.ring.retire(1)
    told(error, *HEX)
    environment["TROTH_VAULT_KEYS"] = f"2:{HEX[1]}"
    vault.ring.retire(1)
    assert values(opened(store, keys, policy, provider)) == [1]
    environment["TROTH_VAULT_KEYS"] = f"2:{HEX[2]}"
    with pytest.raises(UnsafeVaultKeyError, match="not the one"):
        opened(store, keys, policy, provider)


@pytest.mark.parametrize(
    "text", ["1", "1:11", f"0:{HEX[0]}", f"1:{HEX[0]},1:{HEX[1]}", f"1:{'gg' * 32}", f"x:{HEX[0]}"]
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UnsafeVaultKeyError, match=r"part [12]") as error:
        EnvironmentKeys({"TROTH_VAULT_KEYS": text}).epochs()
    told(error, *HEX, "gg" * 32)


def test_a_key_service_keeps_the_keys_shut(
    store: Store, policy: Policy, keys: Path, transit: Transit, address: str
) -> None:
    environment = {"VAULT_TOKEN": TOKEN}
    provider = key_provider(address, keys, environment)
    vault = opened(store, keys, policy, provider)
    put(vault, account("ann"), [item(EMAIL, 1)])
    text = (keys / "vault/000001.transit").read_text()
    assert text.startswith("vault:v1:")
    assert vault.ring._keys[1].hex() not in "".join(path.read_text() for path in (keys / "vault").iterdir())
    transit.versions.append(transit.versions[0][::-1])  # the service rotates its own key; old ciphertexts still open
    vault.ring.rotate()
    assert (keys / "vault/000002.transit").read_text().startswith("vault:v2:")
    vault.rewrap()
    transit.requests.clear()
    again = opened(store, keys, policy, key_provider(address, keys, environment))
    assert transit.requests == ["/v1/transit/decrypt/troth"] * 2
    vault.ring.retire(1)
    transit.sealed = True  # what is in memory goes on
    put(again, account("bob"), [item(EMAIL, 2)])
    assert sorted(values(again)) == [1, 2]
    with pytest.raises(KeyProviderUnavailableError, match="sealed") as error:
        opened(store, keys, policy, key_provider(address, keys, environment))
    assert error.value.retryable
    transit.sealed = False
    del transit.versions[:]
    transit.versions += [b"0" * 32, b"1" * 32]
    with pytest.raises(KeyProviderError, match="another key of the service") as error:
        opened(store, keys, policy, key_provider(address, keys, environment))
    told(error, text.strip())


def test_a_token_from_a_file(tmp_path: Path, address: str) -> None:
    file = tmp_path / "token"
    provider = TransitKeys(address, tmp_path / "vault", environment={"VAULT_TOKEN_FILE": str(file)})
    with pytest.raises(MissingVaultKeyError):
        provider.create(1)
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o644)
    with pytest.raises(UnsafeVaultKeyError, match="chmod 600"):
        provider.create(1)
    file.chmod(0o600)
    provider.create(1)
    assert len(provider.get(1)) == 32
    provider.create(1)
    file.write_text("s.expired")
    with pytest.raises(KeyProviderError, match="`update` on transit/decrypt/troth"):
        provider.get(1)


def test_what_a_key_service_can_do_wrong(tmp_path: Path, transit: Transit, address: str) -> None:
    provider = TransitKeys(address, tmp_path / "vault", environment={"VAULT_TOKEN": TOKEN}, timeout=0.5)
    provider.create(1)
    with pytest.raises(KeyProviderError, match="VAULT_TOKEN"):
        TransitKeys(address, tmp_path / "vault", environment={}).get(1)
    for answer in (
        b"<html>",
        b"[]",
        b'{"data": {}}',
        b'{"data": {"plaintext": "!"}}',
        b'{"data": {"plaintext": "AA=="}}',
    ):
        transit.answer = answer
        with pytest.raises(VaultError) as error:
            provider.get(1)
        told(error)
        with pytest.raises(KeyProviderError):
            provider.create(2)
    transit.answer = None
    assert not (tmp_path / "vault/000002.transit").exists()
    elsewhere = TransitKeys(
        address.replace("transit/", "other/"), tmp_path / "vault", environment={"VAULT_TOKEN": TOKEN}
    )
    with pytest.raises(KeyProviderError, match="there is no other/decrypt/troth"):
        elsewhere.get(1)
    transit.delay = 1.0
    with pytest.raises(KeyProviderUnavailableError, match="does not answer"):
        provider.get(1)
    transit.delay = 0.0
    other = Transit()
    with running(other) as second:
        transit.redirect_to = second
        with pytest.raises(KeyProviderError, match="redirects are not followed"):
            provider.get(1)
        assert other.requests == []
    transit.redirect_to = None
    provider.path(1).write_text("not one of them")
    with pytest.raises(UnsafeVaultKeyError, match="does not hold"):
        provider.get(1)


def test_a_key_service_that_is_away(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    provider = TransitKeys(
        f"http://127.0.0.1:{port}/transit/troth", tmp_path / "vault", environment={"VAULT_TOKEN": TOKEN}
    )
    with pytest.raises(KeyProviderUnavailableError, match="ConnectionRefusedError"):
        provider.create(1)


def test_a_certificate_is_checked(tmp_path: Path, transit: Transit) -> None:
    both, ca = certificate(tmp_path)
    with running(transit, both) as address:
        environment = {"VAULT_TOKEN": TOKEN}
        provider = TransitKeys(f"{address}/transit/troth", tmp_path / "vault", environment=environment)
        with pytest.raises(KeyProviderError, match="VAULT_CACERT"):
            provider.create(1)
        assert transit.requests == []  # the token was not sent to whoever that is
        environment["VAULT_CACERT"] = str(ca)
        provider.create(1)
        assert len(provider.get(1)) == 32
        environment["VAULT_CACERT"] = str(tmp_path / "none")
        with pytest.raises(KeyProviderError, match="holds no certificates"):
            provider.get(1)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself: with its key in one file, and alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "transit of the tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, SHA256())
    )
    public = made.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both, alone = folder / "server.pem", folder / "ca.pem"
    both.write_bytes(private + public)
    alone.write_bytes(public)
    return both, alone
