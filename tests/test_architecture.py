"""The plan of the house (docs/architecture.md) is true: its tables are compared with the code and pyproject.toml."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ROOT / "src" / "troth"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def table(first_column: str) -> list[list[str]]:
    """Return the cells of the rows, without backticks, of the table whose first heading is `first_column`."""
    lines = iter((ROOT / "docs" / "architecture.md").read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def rooms() -> dict[str, str]:
    """Return the rooms of the table in their order, each with its state."""
    return {row[0].rstrip("/"): row[-1] for row in table("room")}


def layers() -> list[str]:
    """Return the floors of import-linter's contract, from the ground up."""
    (contract,) = [c for c in PYPROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return [layer.strip("()") for layer in contract["layers"]]


def test_the_rooms_are_in_the_order_of_the_floors() -> None:
    assert list(rooms()) == list(reversed(layers()))


def test_a_room_stands_when_its_folder_does() -> None:
    folders = {path.parent.name for path in ROOMS.glob("*/__init__.py")}
    assert {room for room, state in rooms().items() if state == "stands"} == folders
    assert set(rooms().values()) <= {"stands", "planned"}


def test_every_folder_is_a_room() -> None:
    folders = {path.relative_to(ROOMS).parts[0] for path in ROOMS.rglob("*.py") if path.parent != ROOMS}
    assert folders <= set(rooms())


def test_the_core_dependencies_are_in_the_table_with_a_reason() -> None:
    wanted = {re.match(r"[a-z0-9-]+", dependency).group() for dependency in PYPROJECT["project"]["dependencies"]}
    rows = table("package")
    assert {row[0] for row in rows} == wanted
    assert all(purpose and reason for _, purpose, reason in rows)


def test_the_folders_of_the_plan_exist() -> None:
    assert [name for name, _ in table("folder") if not (ROOT / name).is_dir()] == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Give a copy of a house with two rooms, `policy` and `decision`, that has no fault yet."""
    for room in ("policy", "decision"):
        (tmp_path / "small" / room).mkdir(parents=True)
        (tmp_path / "small" / room / "__init__.py").touch()
    (tmp_path / "small" / "__init__.py").touch()
    return tmp_path


def circles(house: Path) -> str:
    """Run scripts/check-circles on the house and return what it says."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check-circles", "small"],
        cwd=house,
        env={"PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert bool(done.returncode) == bool(done.stdout)
    return done.stdout


def test_imports_in_one_direction_are_no_circle(house: Path) -> None:
    (house / "small/policy/model.py").write_text("import json\n")
    (house / "small/policy/reading.py").write_text("from small.policy import model\n")
    (house / "small/policy/__init__.py").write_text("from small.policy.reading import model\n")
    assert circles(house) == ""


def test_a_circle_within_a_room_is_refused(house: Path) -> None:
    (house / "small/policy/one.py").write_text("from small.policy import two\n")
    (house / "small/policy/two.py").write_text("def late():\n    import small.policy.one\n")
    assert "small.policy.one" in circles(house)


def test_a_circle_by_way_of_the_rooms_own_init_is_refused(house: Path) -> None:
    (house / "small/policy/__init__.py").write_text("from small.policy.one import ONE\n")
    (house / "small/policy/one.py").write_text("from small.policy import ONE\n")
    assert "small.policy.one" in circles(house)


def test_an_import_down_the_floors_is_refused(tmp_path: Path) -> None:
    """The contract of pyproject.toml itself, on a copy of the code with one wrong import."""
    shutil.copytree(ROOMS, tmp_path / "src" / "troth", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    roof = tmp_path / "src" / "troth" / "policy" / "__init__.py"
    roof.write_text(roof.read_text() + "\nimport troth.cli\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "troth.policy is not allowed to import troth.cli" in done.stdout
