"""The page about mail is true: every reply that there is stands in its table, and each is tested."""

import re
import tomllib
from pathlib import Path

from troth.gates.mail import backoff, queue, relaying, submission, upstream
from troth.gates.mail.streams import EMBEDDED, read_streams
from troth.policy.history import Policy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/mail.md").read_text("utf-8")
HOW_TO = (ROOT / "docs/how-to/send-mail-through-troth.md").read_text("utf-8")
SOURCE = ROOT / "src/troth/gates/mail"
# Part of the protocol's small talk, which says nothing about mail.
SMALL_TALK = {"214 2.0.0", "250 2.1.0", "250 2.1.5", "250 2.0.0"}


def replies() -> set[str]:
    """The codes in the table."""
    table = PAGE.partition("## Replies")[2].partition("\n## ")[0]
    return {code.strip() for code in re.findall(r"^\| `(\d{3}(?: \d\.\d+\.\d+)?)[^`]*` \|", table, re.M)}


def test_every_reply_is_in_the_table_and_tested() -> None:
    said = set()
    for file in ("submission.py", "listening.py", "accepting.py"):
        text = (SOURCE / file).read_text("utf-8")
        said |= set(re.findall(r"[\"'](\d{3} \d\.\d+\.\d+)", text))
        said |= {f"{code} {enhanced}" for code, enhanced in re.findall(r"MailError\((\d+), \"([\d.]+)\"", text)}
    assert said - replies() - SMALL_TALK == set()
    # Those of reading a message are of another file, and those without a status of aiosmtpd.
    assert replies() - said <= {"250 2.0.0", "550 5.6.0", "550 5.6.9", "500", "530", "250 2.0.0 Taken"}
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    bare = {code.partition(" ")[2] or code for code in replies()}
    untried = {code for code in bare if code not in tests}
    assert untried == set()


def test_the_numbers_are_those_of_the_program() -> None:
    assert f"more than {submission.RECIPIENTS:,} recipients" in PAGE
    assert f"more than {submission.SIZE:,} bytes" in PAGE
    assert f"lease of {int(queue.LEASE.total_seconds())} seconds" in PAGE
    assert queue.LASTS.days == 5
    assert (backoff.FIRST.total_seconds(), backoff.LONGEST.total_seconds()) == (300, 4 * 3600)
    assert (relaying.FIRST_PAUSE, relaying.LONGEST_PAUSE, upstream.MOST_EACH) == (1.0, 300.0, 200)
    assert submission.TIMEOUT == 300.0
    for part in ("for five days", "after 5 minutes", "every four hours", "up to 5 minutes", "up to 200 messages"):
        assert part in PAGE


def test_the_streams_of_the_flagship_are_named() -> None:
    for name, table in EMBEDDED.items():
        assert f"`{name}` (`{table['purpose']}`" in PAGE.replace("\n", " ")
    policy = Policy.read(ROOT / "examples/citrix-online")
    for page in (PAGE, HOW_TO):
        blocks = re.findall(r"```toml\n(.*?)```", page, re.S)
        for block in blocks:
            streams = read_streams(tomllib.loads(re.sub(r"^ {3}", "", block, flags=re.M))["streams"], policy)
            assert streams["newsletter"].purpose == "marketing.own"
