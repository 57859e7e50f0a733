"""Keys and signed notes: in the published format, never readable by others, and several known at once."""

import base64
import os
import stat
from pathlib import Path

import pytest

from troth.record.errors import MissingKeyError, UnsafeKeyError
from troth.record.keys import (
    PRIVATE,
    PUBLIC,
    SigningKey,
    add_key,
    create_keys,
    load_keys,
    retire_keys,
    sign_checkpoint,
    sign_note,
)
from troth.record.verifier import (
    COSIGNATURE,
    EMPTY_ROOT,
    Key,
    VerifyError,
    key_id,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    read_key,
)

# The example of golang.org/x/mod/sumdb/note, the first implementation of signed notes.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_published_note() -> None:
    note = f"{TEXT}\n{SIGNATURE}".encode()
    assert open_note(note, [read_key(PETER)]) == (TEXT, [read_key(PETER)])
    peter = SigningKey("PeterNeumann", PETER_SEED)
    assert str(peter.public) == PETER
    assert sign_note(TEXT, (peter,)) == note
    assert "810a14" not in repr(peter)
    assert str(PETER_SEED) not in repr(peter)


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    keys = create_keys(tmp_path / "keys", "example.org/log")
    assert keys.origin == "example.org/log"
    assert stat.S_IMODE((tmp_path / "keys" / PRIVATE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert load_keys(tmp_path / "keys") == keys
    with pytest.raises(FileExistsError, match="rotate"):
        create_keys(tmp_path / "keys", "example.org/log")
    (tmp_path / "keys" / PRIVATE).unlink()
    with pytest.raises(FileExistsError):  # what was signed must not be forgotten because the key is lost
        create_keys(tmp_path / "keys", "example.org/log")
    for bad in ("", "a b", "a+b"):
        with pytest.raises(ValueError, match="cannot name a log"):
            create_keys(tmp_path / "other", bad)


def test_a_missing_or_open_or_broken_key(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError, match="Restore it"):
        load_keys(tmp_path)
    create_keys(tmp_path, "example.org/log")
    path = tmp_path / PRIVATE
    os.chmod(path, 0o640)
    with pytest.raises(UnsafeKeyError, match="chmod 600"):
        load_keys(tmp_path)
    os.chmod(path, 0o600)
    good = path.read_text()
    for bad in (
        "",
        "hello\n",
        good[:-10] + "\n",
        good.replace("PRIVATE", "PUBLIC"),
        good.replace("example", "elsewhere"),
    ):
        path.write_text(bad)
        with pytest.raises(UnsafeKeyError):
            load_keys(tmp_path)
    path.write_text(good)
    (tmp_path / PUBLIC).write_text("nonsense\n")
    with pytest.raises(UnsafeKeyError):
        load_keys(tmp_path)


def test_rotation(tmp_path: Path) -> None:
    old = create_keys(tmp_path, "example.org/log")
    before = sign_checkpoint(0, EMPTY_ROOT, old)
    both = add_key(tmp_path)
    during = sign_checkpoint(0, EMPTY_ROOT, both)
    new = retire_keys(tmp_path)
    after = sign_checkpoint(0, EMPTY_ROOT, new)
    assert [len(k.signing) for k in (old, both, new)] == [1, 2, 1]
    assert new.signing[0] == both.signing[0] != old.signing[0]
    only_old, only_new = [old.signing[0].public], [new.signing[0].public]
    for note, holders in ((before, [only_old]), (during, [only_old, only_new]), (after, [only_new])):
        open_checkpoint(note, new.trusted)
        for keys in (only_old, only_new):
            if keys in holders:
                open_checkpoint(note, keys)
            else:
                with pytest.raises(VerifyError, match="not signed by any key that you trust"):
                    open_checkpoint(note, keys)
    assert stat.S_IMODE((tmp_path / PRIVATE).stat().st_mode) == 0o600


def test_one_false_signature_by_a_known_key_refuses_the_note(tmp_path: Path) -> None:
    create_keys(tmp_path, "example.org/log")
    keys = add_key(tmp_path)
    lines = sign_checkpoint(0, EMPTY_ROOT, keys).decode().split("\n")
    encoded = bytearray(base64.b64decode(lines[-2].split(" ")[2]))
    encoded[40] ^= 1
    lines[-2] = " ".join([*lines[-2].split(" ")[:2], base64.b64encode(encoded).decode()])
    with pytest.raises(VerifyError, match="does not hold"):
        open_checkpoint("\n".join(lines).encode(), keys.trusted)
    assert open_checkpoint("\n".join(lines).encode(), [keys.signing[0].public]).size == 0


def test_witnesses(tmp_path: Path) -> None:
    keys = create_keys(tmp_path, "example.org/log")
    witness = SigningKey("witness.example.org/w1", bytes(range(32)))
    raw = witness.public.public
    trusted = Key(witness.name, key_id(witness.name, COSIGNATURE, raw), COSIGNATURE, raw)
    assert read_key(str(trusted)) == trusted
    note = sign_checkpoint(0, EMPTY_ROOT, keys)
    text = note.decode().partition("\n\n")[0] + "\n"
    signed = sign_note(f"cosignature/v1\ntime 1679315147\n{text}", (witness,))
    signature = base64.b64decode(signed.decode().rstrip("\n").rpartition(" ")[2])[4:]
    blob = base64.b64encode(trusted.id + (1679315147).to_bytes(8, "big") + signature).decode()
    cosigned = note + f"— {witness.name} {blob}\n".encode()
    assert open_checkpoint(cosigned, [*keys.trusted, trusted], witnesses=1).size == 0
    assert open_checkpoint(cosigned, keys.trusted).size == 0
    for bad, trust in ((note, [*keys.trusted, trusted]), (cosigned, keys.trusted)):
        with pytest.raises(VerifyError, match="witnesses"):
            open_checkpoint(bad, trust, witnesses=1)
    with pytest.raises(VerifyError, match="not signed by a key of that log"):
        open_checkpoint(cosigned, [trusted])


@pytest.mark.parametrize(
    "text",
    [
        "example.org/log\n1\n",
        "example.org/log\n01\nAAAA\n",
        "example.org/log\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.org/log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
        "example.org/log\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.org/log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\nmore\n",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(VerifyError):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "key", ["", "a+b", "a+00000000+AAAA", PETER.replace("c74f", "c74e"), PETER.replace("Peter", "Pe r")]
)
def test_malformed_keys(key: str) -> None:
    with pytest.raises(VerifyError):
        read_key(key)
