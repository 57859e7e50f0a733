"""The mailers of other languages in the how-to, run as they stand: with STARTTLS, to three of whom one opted out."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from submitting import certificates
from test_flagship_mail import ANN, BEN, CAT, Up, credential, up

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs/how-to/send-mail-through-troth.md").read_text("utf-8")
HOST, PORT = "relay.example.org", "587"  # of the how-to
LIMIT = 60  # seconds for one message


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Up]:
    """`troth up` that takes mail with STARTTLS, by a certificate of an authority that no client knows by itself."""
    certificates(tmp_path)
    (tmp_path / "troth.toml").write_text('certificate = "cert.pem,key.pem"\n')
    with up(tmp_path) as running:
        yield running


def example(language: str, place: Up) -> str:
    """The block of a language in the how-to, with the place where mail is taken here."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", HOW_TO, re.M | re.S)
    assert HOST in found
    assert PORT in found
    return found.replace(HOST, "localhost").replace(PORT, place.port)


def runs(place: Up, program: list[str], secret: str, **more: str) -> str:
    environment = {**os.environ, "TROTH_SECRET": secret, **more}
    done = subprocess.run(
        program, cwd=place.folder, env=environment, text=True, capture_output=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(place: Up, send: Callable[[], str]) -> None:
    """What is sent arrives whole with a way out, and by that way nothing arrives any more."""
    place.troth("people", "choose", f"email:{BEN}", "marketing=out", "--staff", "mary")
    send()
    arrived = place.caught()
    assert sorted(to for to, _ in arrived) == [[ANN], [CAT]]
    links = {to: check_message(mail) for (to,), mail in arrived}
    assert links[ANN] != links[CAT]
    with httpx.Client(trust_env=False) as client:
        answer = client.post(links[ANN], data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    send()
    assert sorted(to for to, _ in place.caught()) == [[ANN], [CAT], [CAT]]


def check_message(mail: EmailMessage) -> str:
    """A message as it was written, with the opt-out in both of its forms; the link of it."""
    assert " with ESMTPSA " in mail["Received"]
    assert mail["DKIM-Signature"] is not None
    assert mail["Subject"] == "Ein neuer Kurs für Sie – schon ab März"
    assert mail["From"].addresses[0].display_name == "GoToTraining"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.match(r"<(http\S+?/unsubscribe/[\w-]+)>", mail["List-Unsubscribe"])
    assert link is not None
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert text.get_content().replace("\r\n", "\n").startswith("There is a new course: „Üben“.\n")
    assert html.get_content().startswith("<p>There is a <b>new</b> course: „Üben“.</p>")
    for part in (text, html):
        assert part.get_content().count(link[1]) == 1
        assert "320 Summer Street" in part.get_content()
    return link[1]


@pytest.mark.nodemailer
def test_nodemailer_sends_through_the_relay(place: Up) -> None:
    secret = credential(place, "newsletter")
    (place.folder / "node_modules").symlink_to(ROOT / ".venv/node/node_modules")
    (place.folder / "send.mjs").write_text(example("javascript", place))

    def send() -> str:
        told = runs(place, ["node", "send.mjs"], secret, NODE_EXTRA_CA_CERTS=str(place.folder / "ca.pem"))
        assert re.match(r"250 2\.0\.0 Taken as \w+, for [12] of 3 recipients; ", told), told
        return told

    check(place, send)


@pytest.mark.phpmailer
def test_phpmailer_sends_through_the_relay(place: Up) -> None:
    secret = credential(place, "newsletter")
    (place.folder / "vendor").mkdir()
    (place.folder / "vendor/autoload.php").write_text("<?php require 'libphp-phpmailer/autoload.php';\n")
    (place.folder / "send.php").write_text(example("php", place))
    authority = place.folder / "ca.pem"
    check(place, lambda: runs(place, ["php", "-d", f"openssl.cafile={authority}", "send.php"], secret))
