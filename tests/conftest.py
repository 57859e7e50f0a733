"""What every test can count on: named components, a browser, both databases, Hypothesis set for where it runs.

A test marked with one of the `COMPONENTS`, such as `browser`, needs a program that is not a Python package.
Where it is missing the test is skipped, and the end of the run says so; with TROTH_REQUIRE_ALL=1 it fails instead, and
so does any other skip, because there nothing may be left out.
"""

import contextlib
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from postgres_cluster import Cluster

# The folders of the tests lie in memory where there is room for them and programs may run there: thousands of databases
# wait for the disk at each commit otherwise. What a power cut leaves is tested on a simulated disk.
MEMORY, ENOUGH = Path("/dev/shm"), 6 * 2**30  # bytes that have to be free there
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

REQUIRE_ALL = os.environ.get("TROTH_REQUIRE_ALL") == "1"
LEFT_OUT = "left out: needs "


def find_initdb() -> str | None:
    """Return the path of PostgreSQL's `initdb`, which Debian keeps off the search path; None without a server."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return str(debian[-1]) if debian else shutil.which("initdb")


def find_postfix() -> str | None:
    """Return the folder in which Debian's Postfix is, installed or only unpacked; None without it, or without root."""
    for root in (Path("/"), Path(__file__).parents[1] / ".venv/postfix"):
        if (root / "usr/lib/postfix/sbin/master").exists() and os.getuid() == 0:
            return str(root)
    return None


def find_nodemailer() -> str | None:
    """Return the folder in which `import` finds nodemailer; None without it, or without Node.js."""
    folder = Path(__file__).parents[1] / ".venv/node/node_modules"
    return str(folder) if shutil.which("node") and (folder / "nodemailer/package.json").exists() else None


def find_phpmailer() -> str | None:
    """Return the file that loads Debian's PHPMailer; None without it, or without PHP."""
    loader = Path("/usr/share/php/libphp-phpmailer/autoload.php")
    return str(loader) if shutil.which("php") and loader.exists() else None


# Marker: how the component is found, and the package that brings it (scripts/system-packages installs them).
COMPONENTS: dict[str, tuple[Callable[[], str | None], str]] = {
    "browser": (lambda: shutil.which("chromium"), "Debian package chromium"),
    "postgres": (find_initdb, "Debian package postgresql"),
    "java": (lambda: shutil.which("java"), "Debian package default-jre-headless"),
    "node": (lambda: shutil.which("node"), "Debian package nodejs"),
    "nodemailer": (find_nodemailer, "npm package nodemailer, by scripts/system-packages"),
    "phpmailer": (find_phpmailer, "Debian packages php-cli and libphp-phpmailer"),
    "swaks": (lambda: shutil.which("swaks"), "Debian package swaks"),
    "postfix": (find_postfix, "Debian package postfix"),
    "gpg": (lambda: shutil.which("gpg-agent") and shutil.which("gpg"), "Debian package gnupg"),
}

# Continuous integration asks the same questions every time, and never fails because a machine is slow.
hypothesis.settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "dev")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the browser fixture, and run it last: Playwright leaves its event loop running in the thread."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_collection_finish() -> None:
    """Leave what stays, thousands of tests and all modules, out of later garbage collections: a sixth of the time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose component is missing; fail it where nothing may be left out."""
    for marker, (find, package) in COMPONENTS.items():
        if item.get_closest_marker(marker) and find() is None:
            reason = f"{LEFT_OUT}{marker} ({package})"
            if REQUIRE_ALL:
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn a run that skipped anything into a failed one where nothing may be left out."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRE_ALL and exitstatus == pytest.ExitCode.OK and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say exactly what was left out, and what would have to be installed for it."""
    left_out: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        left_out.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)
    if not left_out:
        return
    terminalreporter.section("left out" + (", which fails this run (TROTH_REQUIRE_ALL)" if REQUIRE_ALL else ""))
    for reason, tests in sorted(left_out.items()):
        terminalreporter.line(f"{reason.removeprefix(LEFT_OUT)}: {len(tests)} not run")
        for test in sorted(tests):
            terminalreporter.line(f"  {test}")


@pytest.fixture(scope="session")
def cluster() -> "Iterator[Cluster]":
    """Give a PostgreSQL server of our own, one for all tests of this process."""
    from postgres_cluster import running_cluster

    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database, once of each kind: an empty one to the tests of the store, which make the tables themselves."""
    from store_oracle import sqlite_url

    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return request.getfixturevalue("cluster").url(migrated=request.path.parent.name != "store")


@pytest.fixture(scope="session", autouse=True)
def tables_by_copying(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[None]":
    """Fill an empty SQLite file that a store opens by copying one in which the migrations made the tables.

    That takes a tenth of the time. The tests of the store ask for migrations by themselves and get the real ones.
    """
    import sqlite3

    from sqlalchemy.engine import make_url

    from troth.store import migrate as module
    from troth.store.schema import REVISIONS

    really, made = module.migrate, tmp_path_factory.mktemp("tables") / "made.db"

    def quickly(url: object, to: str = REVISIONS[-1], **more: float) -> tuple[str, str]:
        parsed = make_url(str(url)) if isinstance(url, str) else url
        path = parsed.database if parsed.get_backend_name() == "sqlite" else None  # type: ignore[attr-defined]
        if path is None or to != REVISIONS[-1]:
            return really(url, to, **more)  # type: ignore[arg-type]
        with contextlib.closing(sqlite3.connect(path)) as target:
            if target.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return really(url, to, **more)  # type: ignore[arg-type]
            if not made.exists():
                really(f"sqlite:///{made}")
            with contextlib.closing(sqlite3.connect(made)) as source:
                source.backup(target)
        return module.EMPTY, to

    module.migrate = quickly
    yield
    module.migrate = really


@pytest.fixture(scope="session", autouse=True)
def commands_made_once() -> "Iterator[None]":
    """Make the tree of all commands of `troth` once, not for every command of a test: it takes most of the time."""
    import functools

    import typer.testing as module

    really = module._get_command  # type: ignore[attr-defined]
    module._get_command = functools.cache(really)  # type: ignore[attr-defined]
    yield
    module._get_command = really  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """Give a headless browser: the system's Chromium, which looks nothing up outside this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()
