"""Keys that a key service keeps shut: the transit engine of HashiCorp Vault or OpenBao, over its HTTP API.

The key of an epoch lies in a file, encrypted by the service (`vault:v1:…`). It is opened with one request when Troth
starts, and is in memory from then on; the key that opens it never leaves the service. Take the token's right to decrypt
away, or the service's key, and no copy of files and database can be read.

    POST /v1/<mount>/encrypt/<name>  {"plaintext": base64}   → {"data": {"ciphertext": "vault:v1:…"}}
    POST /v1/<mount>/decrypt/<name>  {"ciphertext": "…"}     → {"data": {"plaintext": base64}}

The token goes in the header `X-Vault-Token`. It comes from the variable VAULT_TOKEN, or from the file that
VAULT_TOKEN_FILE names, which is read for each request, so that an agent can renew it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from troth.vault.errors import KeyProviderError, KeyProviderUnavailableError, UnsafeVaultKeyError
from troth.vault.providers import KEY, FileKeys, read_private

TIMEOUT = 10.0  # seconds to connect, and for each read
LARGEST = 65_536  # bytes of an answer
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_CIPHERTEXT = re.compile(r"[a-z]+:v[0-9]+:[A-Za-z0-9+/=]+\Z")

Random = Callable[[int], bytes]


class TransitKeys(FileKeys):
    """Keys in a folder, each encrypted by a key of a transit engine: https://vault.example/transit/troth.

    VAULT_CACERT names a file of certificates to trust instead of the system's, VAULT_NAMESPACE a namespace.
    KeyProviderError: this is not such an address, or it leads to another machine without TLS.
    """

    SUFFIX = ".transit"

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        environment: Mapping[str, str] = os.environ,
        timeout: float = TIMEOUT,
        random: Random = secrets.token_bytes,
    ) -> None:
        super().__init__(folder, random)
        parts = urlsplit(url)
        mount, _, name = parts.path.strip("/").rpartition("/")
        loopback = parts.hostname in LOOPBACK
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or not mount or not name:
            raise KeyProviderError(
                "The address of a transit key is written https://HOST/MOUNT/NAME, such as "
                "https://vault.example/transit/troth. A token does not belong into it, but into VAULT_TOKEN."
            )
        if parts.scheme == "http" and not loopback:
            raise KeyProviderError(f"Keys are not sent to {parts.hostname} without TLS. Write https://…")
        self._parts = parts
        self._mount, self._name = mount, name
        self._environment = environment
        self._timeout = timeout

    def get(self, epoch: int) -> bytes:
        """See KeyProvider. KeyProviderUnavailableError: the service does not answer; try again later."""
        text = read_private(self.path(epoch))
        if not _CIPHERTEXT.match(text):
            raise UnsafeVaultKeyError(f"{self.path(epoch)} does not hold a key that a transit engine encrypted.")
        try:
            key = base64.b64decode(self._ask("decrypt", {"ciphertext": text}, "plaintext"), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY:
            raise UnsafeVaultKeyError(f"{self.path(epoch)} does not hold a key of the vault. Restore it.")
        return key

    def create(self, epoch: int) -> None:
        """See KeyProvider. The key is made here and encrypted there, before anything is written."""
        if self.path(epoch).exists():
            return
        plain = base64.b64encode(self._random(KEY)).decode()
        text = self._ask("encrypt", {"plaintext": plain}, "ciphertext")
        if not _CIPHERTEXT.match(text):
            raise KeyProviderError(f"{self._where} answered with something that is no ciphertext of a transit engine.")
        self.write(epoch, f"{text}\n")

    @property
    def _where(self) -> str:
        return f"The key service at {self._parts.hostname}"

    def _ask(self, verb: str, body: dict[str, str], wanted: str) -> str:
        path = f"/v1/{self._mount}/{verb}/{self._name}"
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true", "Content-Type": "application/json"}
        namespace = self._environment.get("VAULT_NAMESPACE")
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        connection = self._connection()
        try:
            connection.request("POST", path, msgspec.json.encode(body), headers)
            response = connection.getresponse()
            answer = response.read(LARGEST)
        except ssl.SSLCertVerificationError as error:
            raise KeyProviderError(
                f"{self._where} does not show a certificate that is trusted here: {error.verify_message}. Name its "
                "authority's certificate in VAULT_CACERT."
            ) from None
        except (OSError, HTTPException) as error:
            raise KeyProviderUnavailableError(
                f"{self._where} does not answer ({type(error).__name__}). Troth does not start without its keys; try "
                "again when it is there."
            ) from None
        finally:
            connection.close()
        self._check(response.status, verb)
        try:
            read: Any = msgspec.json.decode(answer)
            return str(read["data"][wanted])
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            raise KeyProviderError(f"{self._where} gave an answer that is not that of a transit engine.") from None

    def _check(self, status: int, verb: str) -> None:
        """Raise what a status means. What the service wrote besides is not repeated: it may hold what was sent."""
        if status == 200:
            return
        where = f"{self._mount}/{verb}/{self._name}"
        if status in (429, 472, 473, 500, 502, 503, 504):  # busy, standing by, sealed
            raise KeyProviderUnavailableError(f"{self._where} is not ready (HTTP {status}): sealed, or overloaded?")
        remedy = {
            400: "the key was encrypted under another key of the service, or a version that it no longer decrypts",
            403: f"the token is not valid, or its policy does not allow `update` on {where}",
            404: f"there is no {where}: enable the transit engine there, and create the key",
        }.get(status, "it is not the API of a transit engine; redirects are not followed")
        raise KeyProviderError(f"{self._where} refuses (HTTP {status}): {remedy}.")

    def _connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout)
        ca = self._environment.get("VAULT_CACERT")
        try:
            context = ssl.create_default_context(cafile=ca or None)
        except OSError as error:
            raise KeyProviderError(f"VAULT_CACERT: {ca} holds no certificates: {error.strerror}.") from None
        return HTTPSConnection(host, port, timeout=self._timeout, context=context)

    def _token(self) -> str:
        file = self._environment.get("VAULT_TOKEN_FILE")
        token = read_private(Path(file)) if file else self._environment.get("VAULT_TOKEN", "").strip()
        if not token or not token.isascii() or not token.isprintable():
            raise KeyProviderError(
                f"There is no token for {self._parts.hostname}. Put one into VAULT_TOKEN, or name a file with it in "
                "VAULT_TOKEN_FILE."
            )
        return token
