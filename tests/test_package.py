"""What people get: a wheel with the package and nothing else, and an sdist that makes the same."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = f"{PROJECT['name']}-{PROJECT['version']}"
INFO = f"{NAME}.dist-info/"
KINDS = {
    "corsgate": {".css", ".html", ".js", ".py", ".svg", ".typed"},
    "docs": {".py", ".rst"},
    "examples": {".html", ".py"},
}
INFO_FILES = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")


def build(kind: str, source: Path, target: Path, umask: int = -1, **env: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    done = subprocess.run(
        command,
        cwd=source,
        env={**os.environ, **env},
        umask=umask,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [built] = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, so that nothing can be missing there."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build("wheel", folder / NAME, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_string(archive.read(INFO + "METADATA").decode("utf-8"))


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"{NAME}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "corsgate").rglob("*.py")}
    names = ("caller.html", "caller.js", "drawing.js", "icon.svg", "index.html")
    pages = {f"corsgate/demo/{name}" for name in (*names, "laboratory.js", "style.css")}
    info = {INFO + name for name in INFO_FILES}
    assert inside == {*modules, *pages, "corsgate/py.typed", *info}


def test_flask_finds_its_commands_in_the_wheel(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import flask, corsgate.flask\n"
        "app = flask.Flask(__name__, static_folder=None)\n"
        "app.add_url_rule('/', 'index', lambda: 'index')\n"
        "corsgate.flask.CORSGate(app, allow_origins='https://app.example.com')\n",
        encoding="utf-8",
    )
    # A wheel can be imported as it is, with its metadata.
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    for words, last in (
        (["cors"], "/      GET      application  https://app.example.com"),
        (["cors", "check"], "1 route checked, no problem found."),
    ):
        command = [sys.executable, "-m", "flask", "--app", "shop", *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == last


def test_the_sdist_has_what_is_needed_to_build_and_test(sdist: Path) -> None:
    assert sdist.name == f"{NAME}.tar.gz"
    with tarfile.open(sdist) as archive:
        inside = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    tops = {name.split("/")[0] for name in inside}
    assert tops == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.rst",
        "corsgate",
        "docs",
        "examples",
        "pyproject.toml",
        "tests",
        "tox.ini",
    }
    assert {"corsgate/py.typed", "tests/conftest.py"} <= inside


def test_the_sdist_has_nothing_that_was_left_lying_about(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert all(member.isfile() for member in members)  # no link, no device
    paths = [Path(member.name).relative_to(NAME) for member in members]
    parts = {part for path in paths for part in path.parts}
    assert [part for part in parts if part.startswith(".")] == [".gitignore"]
    assert "__pycache__" not in parts
    suffixes = {top: {path.suffix for path in paths if path.parts[0] == top} for top in KINDS}
    assert suffixes == KINDS


def test_cve_2024_27456_everybody_may_read_all_files_and_nobody_else_write_them(
    sdist: Path, wheel: Path
) -> None:
    with tarfile.open(sdist) as archive:
        modes = {member.mode for member in archive if member.isfile()}
    with zipfile.ZipFile(wheel) as zipped:
        modes |= {member.external_attr >> 16 & 0o777 for member in zipped.infolist()}
    assert modes == {0o644}


JUNK = (
    ".env",
    "corsgate/__pycache__/policy.cpython-312.pyc",
    "corsgate/.ruff_cache/0.17/file",
    "tests/.hypothesis/examples/file",
    "dist/corsgate-0.0.0-py3-none-any.whl",
)


def copy(folder: Path, mode: int, time: int) -> Path:
    """The tree as somebody else may have it."""
    unwanted = shutil.ignore_patterns(".[!g]*", ".git", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=unwanted)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(mode if path.is_file() else mode | 0o111)
        os.utime(path, (time, time))
    return folder


def test_who_builds_it_when_and_where_makes_no_difference(tmp_path: Path) -> None:
    mine = copy(tmp_path / "mine", 0o600, 1_000_000_000)
    other = copy(tmp_path / "elsewhere", 0o666, 1_700_000_000)
    for name in JUNK:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_bytes(b"junk")
    for kind in ("sdist", "wheel"):
        one = build(kind, mine, tmp_path / f"1{kind}", 0o077, PYTHONHASHSEED="1", TZ="UTC")
        two = build(kind, other, tmp_path / f"2{kind}", 0o000, PYTHONHASHSEED="2", TZ="Asia/Tokyo")
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes()


def test_nothing_in_it_says_who_built_it(sdist: Path, wheel: Path) -> None:
    with tarfile.open(sdist) as archive:
        owners = {(member.uid, member.gid, member.uname, member.gname) for member in archive}
        sources = {member.mtime for member in archive}
    assert owners == {(0, 0, "", "")}
    with zipfile.ZipFile(wheel) as zipped:
        times = {member.date_time for member in zipped.infolist()}
    assert len(times) == len(sources) == 1


USES_THE_FIXTURE = """
import sys

def test_of_a_user(cors_browser):
    assert "corsgate.flask" not in sys.modules
    def app(environ, start_response):
        start_response("200 OK", [("Access-Control-Allow-Origin", "*")])
        return [b"hello"]
    assert cors_browser(app, origin="https://app.example.com").fetch("/").text == "hello"
"""


def test_pytest_finds_the_fixture_where_the_wheel_is_installed(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "test_it.py").write_text(USES_THE_FIXTURE)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-W", "error", str(tmp_path / "test_it.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_metadata_say_what_it_is_and_what_it_needs(metadata: Message) -> None:
    assert metadata["Version"] == "0.1.0"
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/x-rst"
    assert metadata.get_all("Provides-Extra") == ["cli", "django", "flask", "origins"]
    lines = metadata.get_all("Requires-Dist", [])
    assert {(line.partition(">=")[0], line.partition("extra == ")[2]) for line in lines} == {
        ("idna", ""),
        ("publicsuffixlist", ""),
        ("cachetools", "'origins'"),
        ("click", "'cli'"),
        ("rich", "'cli'"),
        ("django", "'django'"),
        ("flask", "'flask'"),
    }


def test_the_classifiers_name_the_pythons_and_djangos_that_are_tested(metadata: Message) -> None:
    envs = (ROOT / "tox.ini").read_text(encoding="utf-8")
    [pythons] = re.findall(r"^ +py\{(.+)\}-core$", envs, re.MULTILINE)
    tested = {*pythons.split(", "), *re.findall(r"^ +django(\d+): Django", envs, re.MULTILINE)}
    lines = "\n".join(metadata.get_all("Classifier", []))
    named = re.findall(r":: (\d\.\d+)$", lines, re.MULTILINE)
    assert {name.replace(".", "") for name in named} == tested


def test_the_changelog_has_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{PROJECT['version']}] - " in text
