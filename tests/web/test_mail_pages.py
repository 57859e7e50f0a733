"""The page of mail for staff: numbers, what waits, the sink, and any message shown with nothing loaded."""

import re
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest
from choosing import FLAGSHIP, Choosing, choosing
from test_choices_browser import fits, violations

from troth.gates.mail.accepting import Accepting
from troth.gates.mail.day import Day, read_day
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.returning.returns import Returns
from troth.gates.mail.sending.handing import Outgoing
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.sending.sink import Sink
from troth.gates.mail.streams import read_streams
from troth.gates.mail.taking.submission import Stated
from troth.gates.scope import Scope
from troth.gates.services import ServiceKeys
from troth.people import Identifier
from troth.web.choices.centre import VISIT
from troth.web.mail.desk import MailPlace
from troth.web.mail.preview import Pasted, read_preview

PIXEL = "https://tracker.example/open.gif"
HTML = f"""<!doctype html><html><head><style>
body {{ font-family: Georgia, serif; color: #222; }} .box {{ padding: 24px; background: #eef3f8; border-radius: 8px; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; }} .box {{ background: #223; }} }}
</style></head><body><div class="box"><h1>Courses in May</h1><p>Three new courses begin.</p>
<p><a href="https://gototraining.example/may">See them</a></p></div>
<img src="{PIXEL}" width="1" height="1" alt=""><img src="cid:logo" alt="The logo" width="32" height="32">
<script>document.title = 'ran'</script></body></html>"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f03000805020142b2a1530000000049454e44ae426082"
)


def message(subject: str = "Courses in May", html: str = HTML, **headers: str) -> bytes:
    made = EmailMessage()
    made["From"] = "GoToTraining <news@news.gototraining.example>"
    made["To"] = "ann@example.org"
    made["Subject"] = subject
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("Courses in May\n\n  * Three new courses begin.\n\nSee them: https://gototraining.example/may\n")
    made.add_alternative(html, subtype="html")
    made.get_payload()[1].add_related(PNG, "image", "png", cid="<logo>")
    return made.as_bytes().replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Choosing]:
    folder = tmp_path_factory.mktemp("mail")
    with choosing(folder, mail=MailPlace(site="http://localhost", sink=folder / "sink")) as served:
        streams = read_streams(None, FLAGSHIP)
        mailing = Mailing(served.people, served.app._gates.desk.point, streams, "http://localhost")
        gate = Accepting(lambda: mailing, Queue(served.people))
        served.people.choose(Identifier("email", "bob@example.org"), {"marketing": "out"}, how="page")
        stated = Stated(helo="x", protocol="ESMTPA")
        whos = ["ann@example.org", "bob@example.org", "eve@example.org"]
        gate.take(streams["newsletter"], "news@news.gototraining.example", whos, message(), stated)
        notice = message("Your password", "<p>Here</p>").replace(b"news@news.gototraining", b"us@account.logmein")
        held = notice.replace(b"Subject:", b"Precedence: bulk\r\nSubject:")
        for content in (notice, held):
            gate.take(streams["account"], "us@account.logmein.example", ["bob@example.org"], content, stated)
        (verdict,) = mailing.verdicts(streams["newsletter"], ["eve@example.org"])
        Returns(served.people, streams).told(f"{verdict.verp}@x", "bounce", "5.1.1", source="webhook")
        Sink(folder / "sink", served.clock).put(
            Outgoing("b@x.example", ("ann@example.org",), message("In the sink"), "m1")
        )
        gate.close()
        yield served


@pytest.fixture
def client(served: Choosing) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def paste(client: httpx.Client, content: bytes) -> str:
    answer = client.post("/mail/preview", data={"message": content.decode()})
    assert answer.status_code == 303, answer.text
    return "/mail/" + answer.headers["location"]


def test_the_numbers_of_the_day(served: Choosing, client: httpx.Client) -> None:
    newsletter, _, account = read_day(served.people.store, read_streams(None, FLAGSHIP), served.clock.now)
    assert newsletter == Day(stream="newsletter", accepted=2, suppressed=1, waiting=2, bounced=1)
    assert (account.accepted, account.suppressed, account.waiting, account.held) == (2, 0, 1, 1)
    assert (newsletter.asked, round(newsletter.share or 0, 2)) == (3, 0.33)
    page = client.get("/mail")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "33.3% of 3 recipients got none" in page.text
    for shown in ("ann@example.org", "Its link refuses", "the choice marketing.events", "In the light"):
        assert (shown in page.text) == (shown != "In the light")
    assert "1 address: does not work" in page.text


def test_a_message_that_was_pasted(client: httpx.Client) -> None:
    path = paste(client, message())
    page = client.get(path)
    assert "Courses in May" in page.text
    assert "Courses in May&#10;&#10;  * Three" in page.text  # to the letter
    assert "1 thing is missing" in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    for form in ("light", "dark"):
        frame = client.get(f"{path}.{form}")
        policy = frame.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none';")
        assert "frame-ancestors 'self'" in policy
        assert frame.text.count("data:image/png;base64,") == 1
    assert "@media (max-width: 0px)" in client.get(f"{path}.light").text
    assert "@media (min-width: 0px)" in client.get(f"{path}.dark").text


@pytest.mark.parametrize("content", ["", "nonsense", "\r\n\r\nno header"])
def test_what_is_no_message_is_told_so(client: httpx.Client, content: str) -> None:
    answer = client.post("/mail/preview", data={"message": content})
    assert answer.status_code == 422
    assert "This is no message" in answer.text


def test_messages_of_the_sink_and_of_the_queue(client: httpx.Client) -> None:
    page = client.get("/mail").text
    (name,) = re.findall(r'href="(/mail/sink/[^"]+)"', page)
    assert "In the sink" in client.get(name).text
    queued = re.findall(r'href="(/mail/queue/\d+)"', page)
    shown = [client.get(path).text for path in queued]
    assert len(shown) == 4
    assert sum("List-Unsubscribe-Post" in one for one in shown) == 2
    for path in (
        "/mail/sink/nothing", "/mail/queue/999", "/mail/pasted/x", "/mail/other/x", "/mail/sink/..%2fkeys", "/mail/x",
        "/mail/sink/.hidden.light",
    ):  # fmt: skip
        assert client.get(path).status_code == 404, (path, client.get(path).text)
    assert client.post("/mail").status_code == 405


def test_only_this_machine_or_a_key_sees_it(served: Choosing) -> None:
    import anyio

    async def ask(client: tuple[str, int], host: str, **headers: str) -> int:
        scope = {
            "type": "http", "method": "GET", "path": "/mail", "raw_path": b"/mail", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in {"host": host, **headers}.items()],
            "scheme": "http",
            "client": client, "server": ("127.0.0.1", 80), "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(part):
            sent.append(part)

        await served.app(scope, receive, send)
        return sent[0]["status"]

    def status(client: str, host: str, **headers: str) -> int:
        return anyio.run(lambda: ask((client, 5), host, **headers))

    keys = ServiceKeys(served.people.store)
    key, secret = keys.create("desk", Scope(actions=("use",)), by="mary")
    served.app.callers.refresh()
    try:
        assert status("127.0.0.1", "localhost") == 200
        assert status("::1", "127.0.0.1:8768") == 200
        assert status("192.0.2.7", "localhost") == 401
        assert status("127.0.0.1", "elsewhere.example") == 421
        assert status("192.0.2.7", "localhost", authorization=f"Bearer {secret}") == 200
        assert status("127.0.0.1", "localhost", authorization="Bearer wrong") == 401
    finally:
        keys.revoke(key.id)
        served.app.callers.refresh()


def test_other_sites_send_no_form(client: httpx.Client) -> None:
    answer = client.post("/mail/preview", data={"message": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 400


def test_a_message_is_read_within_bounds() -> None:
    with pytest.raises(ValueError, match="at most"):
        read_preview(b"Subject: x\r\n\r\n" + b"x" * 5_000_000)
    plain = read_preview(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n")
    assert (dict(plain.fields)["Subject"], plain.html, plain.remote) == ("Grüße", None, 0)
    assert b"no HTML" in plain.frame(True)
    pasted = Pasted(2)
    first, *_ = [pasted.keep(b"%d" % number) for number in range(3)]
    assert pasted.get(first) is None


# --- on the page of the person ----------------------------------------------------------------------------------------


def test_a_person_sees_their_mail_and_what_was_kept_back(served: Choosing, client: httpx.Client) -> None:
    def page(address: str) -> str:
        person = served.people.find(Identifier("email", address))
        assert person is not None
        return client.get(f"/choices/{served.passes.choices(person, served.clock.now + VISIT)}").text

    ann, bob = page("ann@example.org"), page("bob@example.org")
    assert re.search(r"Newsletter</h3>\s*<p>On 1 May 2026[^<]*: on its way", ann)
    assert re.search(r"Newsletter</h3>\s*<p>On 1 May 2026[^<]*: kept back, since you refused", bob)
    assert re.search(r"Account</h3>\s*<p>2 messages", bob)
    assert "bob@example.org" not in bob
    nobody = Identifier("email", "nobody@example.org")
    served.people.know(nobody)
    assert "Mail to you" not in page("nobody@example.org")
    served.people.link(nobody, Identifier("email", "eve@example.org"))  # what was hers before is theirs
    assert "Newsletter</h3>" in page("nobody@example.org")


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_axe_finds_nothing_and_nothing_is_loaded(chromium, served: Choosing, width: int, scheme: str) -> None:
    with served.client() as client:
        path = paste(client, message())
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    context = chromium.new_context(bypass_csp=True, **options)
    page = context.new_page()
    for address in ("/mail", path):
        page.goto(served.url + address)
        assert violations(page) == [], address
        assert fits(page), address
    context.close()
    # With the policy that the frames come with, nothing of others is asked for and nothing runs.
    context = chromium.new_context(**options)
    page = context.new_page()
    asked: list[str] = []
    refused: list[str | None] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: refused.append(request.failure))
    page.goto(served.url + path)
    page.wait_for_load_state("networkidle")
    # Two frames name a picture of others, and their policy lets neither be asked for.
    assert [url for url in asked if not url.startswith((served.url, "data:"))] == [PIXEL] * 2
    assert refused == ["csp"] * 2
    frames = {one.url.rpartition(".")[2]: one for one in page.frames[1:]}
    assert set(frames) == {"light", "dark"}
    for form, frame in frames.items():
        assert frame.title() == "Preview"
        colour = frame.evaluate("getComputedStyle(document.querySelector('.box')).backgroundColor")
        assert colour == {"light": "rgb(238, 243, 248)", "dark": "rgb(34, 34, 51)"}[form]
        assert frame.evaluate("document.querySelectorAll('img')[1].naturalWidth") == 1
    context.close()
