"""The hash of a password, as it may be kept: scrypt (RFC 7914) in the PHC string format."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

LN, R, P = 15, 8, 3  # 32 MiB and less than half a second (OWASP Password Storage Cheat Sheet, scrypt)
SALT, LENGTH = 16, 32  # bytes
LONGEST = 1024  # characters; more are nobody's password
_FORM = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,86})\$([A-Za-z0-9+/]{22,86})")
_MEMORY = 128 * 1024 * 1024


def hash_password(password: str) -> str:
    """The hash of a password with a salt of its own, `$scrypt$ln=15,r=8,p=3$…$…`. ValueError: it cannot be one."""
    if not isinstance(password, str) or not 0 < len(password) <= LONGEST:
        raise ValueError(f"A password is a text of 1 to {LONGEST} characters.")
    salt = secrets.token_bytes(SALT)
    made = _scrypt(password, salt, LN, R, P, length=LENGTH)
    return f"$scrypt$ln={LN},r={R},p={P}${_written(salt)}${_written(made)}"


def verify_password(password: str, kept: object) -> bool:
    """Whether it is the password of a hash that `hash_password` made; False for any other hash, or for none."""
    match = _FORM.fullmatch(kept) if isinstance(kept, str) else None
    if match is None or not isinstance(password, str) or len(password) > LONGEST:
        return False
    ln, r, p = (int(match[place]) for place in (1, 2, 3))
    if max(r, p) > 16 or not 0 < ln <= 17:  # nobody should have to compute these
        return False
    try:
        salt, wanted = _read(match[4]), _read(match[5])
        made = _scrypt(password, salt, ln, r, p, length=len(wanted))
    except ValueError:
        return False
    return hmac.compare_digest(made, wanted)


def _scrypt(password: str, salt: bytes, ln: int, r: int, p: int, *, length: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=2**ln, r=r, p=p, maxmem=_MEMORY, dklen=length)


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _read(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
