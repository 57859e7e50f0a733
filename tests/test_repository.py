"""What the repository promises before any of its code runs: locked requirements, a licence, commands that explain
themselves, nothing in a file that belongs to one machine or one package index, and tests that cannot vanish unseen."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKED = sorted((ROOT / "requirements").glob("*.txt"))


def name(requirement: str) -> str:
    """Return the normal form (PEP 503) of the package name that `requirement` starts with."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement).group()).lower()


def locked(path: Path) -> dict[str, str]:
    """Return the packages of a locked file, each with all that the file says of it."""
    entries = re.split(r"\n(?=[a-zA-Z0-9])", re.sub(r"\A(#.*\n)+", "", path.read_text()))
    return {name(entry): entry for entry in entries}


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_locked_package_has_a_version_and_hashes_and_no_address(path: Path) -> None:
    entries = locked(path)
    assert entries
    for entry in entries.values():
        assert re.match(r"\S+==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    # An option would choose the place that packages come from; a direct reference would be one.
    assert not re.search(r"^--|://| @ ", path.read_text(), re.MULTILINE)


def test_the_locked_files_are_in_step_with_pyproject() -> None:
    core, dev = (locked(ROOT / "requirements" / f"{kind}.txt") for kind in ("core", "dev"))
    extras = PROJECT["optional-dependencies"]
    assert {name(r) for r in PROJECT["dependencies"]} <= core.keys()
    assert {name(r) for extra in ("dev", "postgres") for r in extras[extra]} <= dev.keys()
    assert core.keys() <= dev.keys()


def test_a_package_has_one_version_in_all_locked_files() -> None:
    versions: dict[str, set[str]] = {}
    for path in LOCKED:
        for package, entry in locked(path).items():
            versions.setdefault(package, set()).add(entry.split()[0])
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_the_extras_are_the_promised_ones() -> None:
    assert set(PROJECT["optional-dependencies"]) == {"files", "frames", "spark", "postgres", "audit", "dev"}


def test_the_licence_is_here() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_the_documents_that_people_look_for_are_here(document: str) -> None:
    assert (ROOT / document).is_file()


def test_every_target_is_explained_by_make_help() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(phony.split()) == targets
    assert set(re.findall(r"^  make (\S+)", said, re.MULTILINE)) == targets


@pytest.mark.parametrize("script", [*sorted((ROOT / "scripts").iterdir()), ROOT / ".ci" / "run"], ids=lambda p: p.name)
def test_scripts_can_be_run_and_say_what_they_are_for(script: Path) -> None:
    assert os.access(script, os.X_OK)
    first, second = script.read_text().splitlines()[:2]
    assert first.startswith("#!")
    assert second.startswith(("# ", '"""'))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give an empty git repository."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def check_tree(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run scripts/check-tree in `tree`."""
    return subprocess.run([ROOT / "scripts" / "check-tree"], cwd=tree, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "text",
    ["https://" + "pypi" + ".org/simple", "registry.npmjs" + ".org", "cd /" + "work/main", "'/" + "root/x'"],
)
def test_an_index_address_or_a_machine_path_is_refused(tree: Path, text: str) -> None:
    (tree / "notes.md").write_text(f"one\nsee {text}\n")
    done = check_tree(tree)
    assert done.returncode == 1
    assert "notes.md:2:" in done.stdout


def test_a_lock_file_with_addresses_is_refused(tree: Path) -> None:
    (tree / "uv.lock").touch()
    assert check_tree(tree).returncode == 1


def test_ordinary_files_pass(tree: Path) -> None:
    (tree / "notes.md").write_text("pip install troth; see https://example.org/work/ and ./home/data\n")
    assert check_tree(tree).returncode == 0


INNER = """
    import pytest

    @pytest.mark.browser
    def test_page():
        pass

    @pytest.mark.soak
    def test_long():
        raise AssertionError

    def test_plain():
        pass
"""


def run_inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, **environment: str) -> pytest.RunResult:
    """Run a small suite under this suite's conftest and settings, on a machine without any of the components."""
    shutil.copy(ROOT / "tests" / "conftest.py", pytester.path)
    shutil.copy(ROOT / "pyproject.toml", pytester.path)
    pytester.makepyfile(**{"tests/test_inner": INNER})
    monkeypatch.delenv("TROTH_REQUIRE_ALL", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", str(pytester.path))
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    return pytester.runpytest_subprocess("--rootdir", str(pytester.path))


def test_a_test_without_its_component_is_skipped_and_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_inner(pytester, monkeypatch)
    assert result.ret == 0
    result.assert_outcomes(passed=1, skipped=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["*left out*", "browser (Debian package chromium): 1 not run", "  tests/test_inner.py::test_page"]
    )


def test_a_test_without_its_component_fails_where_nothing_may_be_left_out(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_inner(pytester, monkeypatch, TROTH_REQUIRE_ALL="1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*needs browser (Debian package chromium)*"])


def test_any_skip_fails_where_nothing_may_be_left_out(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(**{"tests/test_skip": "import pytest\ndef test_skip():\n    pytest.skip('no reason at all')\n"})
    result = run_inner(pytester, monkeypatch, TROTH_REQUIRE_ALL="1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*fails this run*", "no reason at all: 1 not run"])


def test_the_browser_is_a_browser_without_a_network(chromium) -> None:
    page = chromium.new_page()
    page.set_content("<h1>Troth</h1>")
    assert page.get_by_role("heading").inner_text() == "Troth"
    page.close()
