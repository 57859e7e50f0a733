"""A program of its own that encrypts its standard input to an OpenPGP certificate: only what it writes is a file.

The library takes the plaintext from a file and holds the interpreter while it reads. So it runs in a process of its
own, and its "file" is the pipe that the plaintext comes through: nothing but ciphertext ever lies on the disk.

`python -m troth.gates.share.files.openpgp OUTPUT` reads 8 bytes (how long the certificate is, big endian), the
certificate, and then the plaintext to its end.
"""

from __future__ import annotations

import os
import sys

STDIN = "/dev/stdin"


def main() -> None:
    """Encrypt; a problem is one line on standard error, and an exit code of 1."""
    import pysequoia  # noqa: PLC0415 - only this process needs it

    try:
        certificate = pysequoia.Cert.from_bytes(_exactly(int.from_bytes(_exactly(8), "big")))
        pysequoia.encrypt_file(STDIN, sys.argv[1], recipients=[certificate], armor=False)
    except Exception as error:
        sys.exit(str(error).partition("\n")[0])  # without where in the library it was


def _exactly(size: int) -> bytes:
    """So many bytes from the descriptor itself: a buffer would keep what belongs to the library."""
    read = b""
    while len(read) < size:
        some = os.read(0, size - len(read))
        if not some:
            raise EOFError("The certificate ends too early.")
        read += some
    return read


if __name__ == "__main__":
    main()
