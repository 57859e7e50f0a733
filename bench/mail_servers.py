"""The relays that are measured: Troth as it runs, and a Postfix of Debian with a configuration of its own in a folder.

python -m bench.mail_servers FOLDER SINK SUPPRESSED plain|tls     runs Troth and prints its port and credential
"""

from __future__ import annotations

import datetime
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FROM = "news@news.gototraining.example"
EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {folder}/config
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = daemon
setgid_group = uucp
default_privs = nobody
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
relayhost = [127.0.0.1]:{sink}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
default_destination_concurrency_limit = 20
alias_maps =
alias_database =
local_recipient_maps =
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH={root}/usr/lib/postfix
export_environment = TZ LANG LD_LIBRARY_PATH={root}/usr/lib/postfix
smtpd_tls_chain_files = {folder}/key.pem {folder}/cert.pem
smtpd_tls_security_level = {level}
smtpd_tls_wrappermode = {wrapper}
smtpd_tls_session_cache_database =
tls_random_source = dev:/dev/urandom
"""
MASTER = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""
DIRECTORIES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
               "trace", "public", "maildrop")  # fmt: skip


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


def postfix_root(folder: Path) -> Path | None:
    """Where the files of Debian's Postfix are: installed, or unpacked into a folder without being installed."""
    for there in (Path("/"), Path(__file__).parents[1] / ".venv/postfix"):
        if (there / "usr/lib/postfix/sbin/master").exists():
            return there
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        return None
    got = subprocess.run(["apt-get", "download", "postfix"], cwd=folder, capture_output=True, check=False)
    packages = list(folder.glob("postfix_*.deb"))
    if got.returncode or not packages:
        return None
    subprocess.run(["dpkg", "-x", str(packages[0]), str(folder / "root")], check=True)
    return folder / "root"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def postfix(folder: Path, root: Path, sink: int, tls: bool, more: str = "") -> Iterator[int]:
    """Run Postfix with all its files in a folder; the port that it takes mail on. Nothing of the system is touched.

    `more` are further lines of its configuration.
    """
    config = folder / "config"
    for made in (config, folder / "queue", folder / "data", *(folder / "queue" / name for name in DIRECTORIES)):
        made.mkdir(parents=True, exist_ok=True)
    certificate(folder)
    values = {"folder": folder, "root": str(root).rstrip("/"), "sink": sink, "level": "encrypt" if tls else "none"}
    (config / "main.cf").write_text(MAIN.format(**values, wrapper="yes" if tls else "no") + more)
    (folder / "queue" / "pid").mkdir(exist_ok=True)
    for made in (folder / "data", *(folder / "queue" / name for name in DIRECTORIES)):
        shutil.chown(made, "daemon")
        made.chmod(0o700)
    for name in ("public", "maildrop"):
        shutil.chown(folder / "queue" / name, "daemon", "uucp")
        (folder / "queue" / name).chmod(0o730 if name == "maildrop" else 0o710)
    for above in (folder, *folder.parents):  # the daemons run as another user, who has to get there
        if (
            above.owner() == "root"
            and above.is_relative_to(tempfile.gettempdir())
            and str(above) != tempfile.gettempdir()
        ):
            above.chmod(above.stat().st_mode | 0o011)
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{values['root']}/usr/lib/postfix", "MAIL_CONFIG": str(config)}
    command = [f"{values['root']}/usr/lib/postfix/sbin/master", "-c", str(config), "-d"]
    said = (folder / "said").open("w")
    for _ in range(5):  # another program may have taken the port meanwhile
        port = free_port()
        (config / "master.cf").write_text(MASTER.format(port=port))
        process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=said)
        if answers(process, port):
            break
    else:
        logs = [path.read_text() for path in (folder / "said", folder / "log") if path.exists()]
        raise SystemExit(f"Postfix did not start ({process.returncode}).\n" + "\n".join(logs))
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)
        said.close()


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a process listens on a port; whether it does, and did not end."""
    for _ in range(600):
        if process.poll() is not None:
            return False
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.2)  # it may be another that answered, and this one about to end
                return process.poll() is None
        time.sleep(0.1)
    return False


def troth(folder: Path, sink: int, suppressed: int, tls: bool) -> None:
    """Run Troth until it is terminated: newsletter, DKIM by two keys, record, a list of suppressed addresses."""
    from troth.gates.mail.post_office import PostOffice
    from troth.gates.mail.signing.dkim_keys import make_keys
    from troth.gates.mail.suppression import New, Suppression
    from troth.gates.mail.taking.credentials import Credentials
    from troth.gates.mail.taking.listening import Listener, running, tls_context
    from troth.people import open_people
    from troth.policy.history import Policy
    from troth.record.keys import create_keys
    from troth.record.log import open_log
    from troth.store import open_store
    from troth.vault import open_vault

    policy = Policy.read(EXAMPLE)
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True) as store:
        create_keys(folder / "keys", "bench.example/log")
        log = open_log(store, folder / "keys")
        people = open_people(store, folder / "keys", policy)
        open_vault(store, people)
        list_ = Suppression(people)
        for start in range(0, suppressed, 10_000):
            several = [New(f"gone{number}@example.net", "*", "bounce") for number in range(start, start + 10_000)]
            list_.suppress(several, source="bench")
        office = PostOffice(
            people, policy, streams=None, site="https://privacy.example.org", keys=folder / "keys",
            relay=f"smtp://127.0.0.1:{sink}",
        )  # fmt: skip
        make_keys(folder / "keys", FROM.rpartition("@")[2], store.clock())
        secret = Credentials(store).create(office.mailing.streams.find("newsletter"), by="bench")[1]
        context = tls_context(*certificate(folder)) if tls else None
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        with running(office.server([Listener(port=0, implicit=tls)], context)) as thread:
            gc.collect()
            gc.freeze()  # as `troth mail serve` does
            print(f"port {thread.addresses[0].rpartition(':')[2]} secret {secret}", flush=True)
            while not stop.wait(1.0):
                log.sign()


if __name__ == "__main__":
    troth(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "tls")
