"""How a code gets to an address: a real mail server takes it, a folder keeps it, and nothing goes out in the clear."""

import email
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from choosing import FLAGSHIP

from troth.web.choices.mail import FolderPost, SmtpPost, code_message, make_post

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
VERSION = FLAGSHIP.versions[-1]


class Sink:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []

    async def handle_MAIL(self, server, session, envelope, address, options) -> str:  # noqa: N802
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - the name that aiosmtpd calls
        self.taken.append((envelope.rcpt_tos, envelope.content))
        return "250 taken"


def signed_in(server, session, envelope, mechanism, data) -> AuthResult:
    right = (data.login, data.password) == (b"mailer", b"p@ss")
    return AuthResult(success=right, handled=False)  # the server answers; nobody would, and the client wait, otherwise


@pytest.fixture
def mailbox() -> Iterator[Controller]:
    controller = Controller(Sink(), hostname="127.0.0.1", port=0, authenticator=signed_in, auth_require_tls=False)
    # Port 0 takes any free one; the controller has to be told which.
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        controller.port = free.getsockname()[1]
    controller.start()
    yield controller
    controller.stop()


def message(address: str = "ann@example.org"):
    return code_message(VERSION, address, "12345678", "https://privacy.example.org/choices", AT)


def test_a_mail_server_takes_it(mailbox: Controller) -> None:
    make_post(f"smtp://mailer:p%40ss@127.0.0.1:{mailbox.port}").send(message())
    ((to, content),) = mailbox.handler.taken
    assert to == ["ann@example.org"]
    read = email.message_from_bytes(content, policy=default)
    assert "1234 5678" in read["Subject"]
    assert read["Auto-Submitted"] == "auto-generated"
    text = read.get_content()
    assert "https://privacy.example.org/choices" in text
    assert VERSION.publisher.address in text


def test_a_wrong_password_is_told_without_it(mailbox: Controller) -> None:
    with pytest.raises(OSError, match="did not take the message") as problem:
        make_post(f"smtp://mailer:secret@127.0.0.1:{mailbox.port}").send(message())
    assert "secret" not in str(problem.value)
    assert mailbox.handler.taken == []


def test_a_server_elsewhere_without_tls_gets_nothing(mailbox: Controller) -> None:
    post = SmtpPost(f"smtp://127.0.0.1:{mailbox.port}")
    post._here = False
    with pytest.raises(OSError, match="did not take"):
        post.send(message())
    assert mailbox.handler.taken == []


def test_no_server_is_an_error_that_can_be_told() -> None:
    with pytest.raises(OSError, match="refused"):
        make_post("smtp://127.0.0.1:1").send(message())


def test_a_folder_keeps_it_for_its_owner_alone(tmp_path: Path) -> None:
    post = make_post(str(tmp_path / "mail"))
    assert isinstance(post, FolderPost)
    post.send(message())
    post.send(message())
    files = list((tmp_path / "mail").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert b"\r\n" in files[0].read_bytes()


@pytest.mark.parametrize("mail", ["smtp://", "http://mail.example.org", "smtp://mail.example.org/path"])
def test_what_is_no_mail_server_is_refused(mail: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a mail server"):
        make_post(mail)


def test_no_header_can_be_added_through_an_address() -> None:
    with pytest.raises(ValueError, match=r"newline|linefeed|CR"):
        message("ann@example.org\r\nBcc: bob@example.org")
