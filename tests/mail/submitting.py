"""A gate that takes everything and writes it down, clients for it, and certificates, for tests of submission."""

import base64
import datetime
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from troth.gates.mail.errors import MailError
from troth.gates.mail.taking.protocol import Stated

USER, SECRET = "newsletter", "right"
PLAIN = base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode()


class Taking:
    """A gate: one set of credentials, one sender domain, and whatever a test puts in its way."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes, Stated]] = []
        self.problem: Exception | None = None

    async def authenticate(self, user: str, secret: str) -> str | None:
        return USER if (user, secret) == (USER, SECRET) else None

    async def check_sender(self, stream: str, sender: str) -> None:
        if not sender.endswith("@acme.example"):
            raise MailError(550, "5.7.1", "From elsewhere")

    async def check_recipient(self, stream: str, recipient: str) -> None:
        if recipient.startswith("strict"):
            raise MailError(550, "5.7.1", "Opted out")

    async def accept(self, stream: str, sender: str, recipients: list[str], content: bytes, stated: Stated) -> str:
        if self.problem is not None:
            raise self.problem
        self.taken.append((sender, recipients, content, stated))
        return "Taken"


class Wire:
    """A client that sends the bytes it is told to, and reads replies one by one."""

    def __init__(self, address: str, context: ssl.SSLContext | None = None) -> None:
        host, _, port = address.rpartition(":")
        self.socket: socket.socket = socket.create_connection((host, int(port)), timeout=10)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> str:
        """The next reply, all its lines; nothing at the end."""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except (ConnectionResetError, BrokenPipeError):
                line = b""
            lines.append(line.decode().rstrip("\r\n"))
            if not line or line[3:4] != b"-":
                return "\n".join(lines)

    def say(self, text: str) -> str:
        self.send(f"{text}\r\n".encode())
        return self.reply()

    def begin(self, *, auth: bool = True) -> "Wire":
        """Greeting, EHLO and AUTH."""
        assert self.reply().startswith("220 ")
        assert self.say("EHLO client.example").startswith("250")
        if auth:
            assert self.say(f"AUTH PLAIN {PLAIN}").startswith("235")
        return self

    def to_data(self, *recipients: str) -> "Wire":
        """A message up to where its bytes begin."""
        assert self.say("MAIL FROM:<news@acme.example>").startswith("250")
        for recipient in recipients or ("ann@example.org",):
            assert self.say(f"RCPT TO:<{recipient}>").startswith("250")
        assert self.say("DATA").startswith("354")
        return self

    def rest(self) -> str:
        """Everything until the server closes."""
        try:
            return self.file.read().decode()
        except ConnectionResetError:
            return ""

    def upgrade(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate authority of our own, and a certificate of it for localhost with its key: three PEM files."""
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    later = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)

    def build(name: str, issuer: x509.Name | None, key: object, signer: object, ca: bool) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(later)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            names = [x509.DNSName("localhost"), x509.DNSName("relay.example")]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA256())

    folder.mkdir(parents=True, exist_ok=True)
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = build("Test CA", None, root_key, root_key, True)
    leaf = build("localhost", root.subject, leaf_key, root_key, False)
    paths = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths
