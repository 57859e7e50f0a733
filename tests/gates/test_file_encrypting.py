"""Encryption to a recipient: what comes out, the recipient alone reads, with programs that are not ours."""

import os
import subprocess
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pysequoia
import pytest
from age_oracle import read_age
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from troth.gates.share.files import encrypting
from troth.gates.share.files.encrypting import EncryptionError, PublicKey, encrypt, read_key

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = datetime(2036, 11, 24, tzinfo=UTC)
PLAIN = [b"ann@example.org\r\n" * 5000, b"", b"bob@example.org\r\n" * 7]


def age() -> tuple[pyrage.x25519.Identity, PublicKey]:
    identity = pyrage.x25519.Identity.generate()
    return identity, read_key(f"# created by age-keygen\n{identity.to_public()}\n".encode(), NOW)


def openpgp(profile: pysequoia.Profile = pysequoia.Profile.RFC9580) -> tuple[pysequoia.Tsk, PublicKey]:
    secret = pysequoia.Tsk.generate("Cards <privacy@cards.example>", profile=profile, validity_seconds=365 * 86400)
    return secret, read_key(str(secret.extract_certificate()).encode(), datetime.now(UTC))


def test_age_reads_it(tmp_path: Path) -> None:
    identity, key = age()
    encrypt(key, iter(PLAIN), tmp_path / "file")
    assert pyrage.decrypt((tmp_path / "file").read_bytes(), [identity]) == b"".join(PLAIN)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt((tmp_path / "file").read_bytes(), [pyrage.x25519.Identity.generate()])


def test_it_is_what_the_specification_of_age_says(tmp_path: Path) -> None:
    """Read with a program of our own, written from the specification."""
    identity, key = age()
    encrypt(key, iter(PLAIN), tmp_path / "file")
    assert read_age((tmp_path / "file").read_bytes(), str(identity)) == b"".join(PLAIN)
    encrypt(key, iter([]), tmp_path / "empty")
    assert read_age((tmp_path / "empty").read_bytes(), str(identity)) == b""


def test_an_ssh_key_will_do(tmp_path: Path) -> None:
    secret = Ed25519PrivateKey.generate()
    public = secret.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    key = read_key(public + b" somebody@example.org\n", NOW)
    assert key.fingerprint.startswith("SHA256:")
    assert b"somebody" not in key.key
    encrypt(key, iter(PLAIN), tmp_path / "file")
    assert (tmp_path / "file").read_bytes().startswith(b"age-encryption.org/v1\n-> ssh-ed25519 ")


@pytest.mark.parametrize("profile", [pysequoia.Profile.RFC9580, pysequoia.Profile.RFC4880])
def test_openpgp_reads_it(tmp_path: Path, profile: pysequoia.Profile) -> None:
    secret, key = openpgp(profile)
    assert key.fingerprint == secret.extract_certificate().fingerprint
    encrypt(key, iter(PLAIN), tmp_path / "file")
    read = pysequoia.decrypt((tmp_path / "file").read_bytes(), decryptor=secret.decryptor())
    assert read.bytes == b"".join(PLAIN)


@pytest.mark.gpg
def test_gnupg_reads_it(tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)

    def gpg(*arguments: str) -> bytes:
        command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
        return subprocess.run([*command, *arguments], check=True, capture_output=True).stdout

    try:
        gpg("--quick-generate-key", "Cards <privacy@cards.example>", "default", "default", "1y")
        key = read_key(gpg("--armor", "--export"), datetime.now(UTC))
        encrypt(key, iter(PLAIN), tmp_path / "file")
        assert gpg("--decrypt", str(tmp_path / "file")) == b"".join(PLAIN)
        with pytest.raises(EncryptionError, match="secret key"):
            read_key(gpg("--export-secret-keys"), NOW)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@pytest.mark.parametrize("make", [age, openpgp])
def test_only_its_owner_may_read_it_and_what_was_there_is_not_written_over(tmp_path: Path, make) -> None:
    _, key = make()
    encrypt(key, iter(PLAIN), tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        encrypt(key, iter(PLAIN), tmp_path / "file")


@pytest.mark.parametrize("make", [age, openpgp])
def test_what_stops_the_drawing_comes_through_and_leaves_no_file(tmp_path: Path, make) -> None:
    _, key = make()

    class LapsedError(Exception):
        pass

    def drawing() -> Iterator[bytes]:
        yield b"x" * 3_000_000
        raise LapsedError

    with pytest.raises(LapsedError):
        encrypt(key, drawing(), tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_the_other_process_failing_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    _, key = openpgp()
    broken = PublicKey("openpgp", key.key[:100], key.fingerprint)
    with pytest.raises(EncryptionError, match="OpenPGP could not encrypt: "):
        encrypt(broken, iter([b"x" * 5_000_000] * 3), tmp_path / "file")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("make", [age, openpgp])
def test_nothing_of_the_plaintext_is_on_the_disk_at_any_moment(tmp_path: Path, make) -> None:
    _, key = make()
    secret = b"ann.somebody@example.org, " * 4000

    def drawing() -> Iterator[bytes]:
        for _ in range(40):
            yield secret
            for file in tmp_path.iterdir():
                assert b"ann.somebody" not in file.read_bytes()

    encrypt(key, drawing(), tmp_path / "file")
    assert b"ann.somebody" not in (tmp_path / "file").read_bytes()


def test_keys_that_cannot_be_used_are_refused_with_the_remedy() -> None:
    identity = pyrage.x25519.Identity.generate()
    secret, key = openpgp()
    for data, told in (
        (str(identity).encode(), "secret key"),
        (str(secret).encode(), "secret key"),
        (bytes(secret), "secret key"),
        (f"{identity.to_public()}\n{identity.to_public()}\n".encode(), "several keys"),
        (key.key + openpgp()[1].key, "2 certificates"),
        (b"age1qqqqqqqqqqqqqq", "no key that age takes"),
        (b"ssh-ed25519 AAAA", "no key that age takes"),
        (b"ssh-ed25519", "no public key"),
        (b"hello", "no public key"),
        (b"", "no public key"),
        (os.urandom(100), "no public key"),
        (b"x" * 300_000, "more than"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(EncryptionError, match=told):
                read_key(data, NOW)
    with pytest.raises(EncryptionError, match="ended on"):
        read_key(key.key, LATER)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = age()
    monkeypatch.setitem(__import__("sys").modules, "pyrage", None)
    with pytest.raises(EncryptionError) as problem:
        read_key(key.key, NOW)
    assert str(problem.value) == encrypting.MISSING
