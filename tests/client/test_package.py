"""The client as others get it: a wheel in an environment that has nothing of the engine."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from client.scripted_server import ScriptedServer
from handback_client._stubs.v1 import lifecycle_pb2, redemptions_pb2

SOURCE = Path(__file__).parents[2] / "clients" / "python"
OURS_ELSEWHERE = ("handback", "handback_server", "handback_migrations")
THEIRS = ("sqlmodel", "sqlalchemy", "alembic", "transitions", "polars", "opentelemetry")
ANSWER = redemptions_pb2.GetRedemptionResponse(
    redemption=lifecycle_pb2.Redemption(redemption_id="rdm_1")
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the client."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=SOURCE, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it declares to need, without its extras."""
    return environment(wheel, tmp_path_factory.mktemp("bare"), extras=False)


@pytest.fixture(scope="module")
def complete(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the extra of the command line."""
    return environment(wheel, tmp_path_factory.mktemp("complete"), extras=True)


def environment(wheel: Path, folder: Path, *, extras: bool) -> Path:
    """The wheel installed by pip; what it needs is linked from here instead of fetched."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    (packages,) = (folder / "lib").glob("python*/site-packages")
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", *install, str(wheel)], check=True)
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        declared = re.findall(r"^Requires-Dist: (.+)$", archive.read(name).decode(), re.MULTILINE)
    for needed in needs(declared, extras=extras):
        for file in distribution(needed).files or ():
            top = Path(file.parts[0])
            if ".." not in file.parts and not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution(needed).locate_file(top))))
    return folder


def needs(declared: list[str], *, extras: bool) -> set[str]:
    """The names of what is needed, and of what that needs in turn."""
    found: set[str] = set()
    for requirement in declared:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement and not extras:
            continue
        if "python_version <" in requirement or "platform_system ==" in requirement:
            continue
        found |= {name} | needs(
            [one for one in distribution(name).requires or () if "extra ==" not in one],
            extras=False,
        )
    return found


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of an environment, outside of the checkout."""
    program, *args = command
    return subprocess.run(
        [folder / "bin" / program, *args], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_client_works_where_nothing_of_the_engine_is(
    bare: Path, server: ScriptedServer
) -> None:
    server.on("GetRedemption", ANSWER)
    program = f"""
from importlib.util import find_spec
print([name for name in {OURS_ELSEWHERE + THEIRS} if find_spec(name)])
from handback_client import Client
with Client({server.target!r}, programme="aurora") as client:
    print(client.get("rdm_1").redemption_id)
"""
    result = run(bare, "python", "-W", "error", "-c", program)
    assert result.stdout == "[]\nrdm_1\n", result.stderr


def test_without_its_extra_the_command_line_says_what_is_missing(bare: Path) -> None:
    result = run(bare, "handback", "--help")
    assert result.returncode == 1
    assert "pip install 'handback-client[cli]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_command_line_works_with_its_extra(complete: Path, server: ScriptedServer) -> None:
    server.on("GetRedemption", ANSWER)
    settings = ("--server", server.target, "--programme", "aurora")
    result = run(complete, "handback", *settings, "get", "rdm_1")
    assert result.stdout.startswith("redemption_id\trdm_1\n"), result.stderr
    assert run(complete, "handback", "--version").stdout == "0.1.0\n"


def test_the_wheel_holds_the_package_and_its_types_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"handback_client", "handback_client-0.1.0.dist-info"}
    assert "handback_client/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        ("import handback_client", ("grpc", "google.protobuf", "asyncio", "click", "rich")),
        ("from handback_client import Client", ("grpc.experimental", "click", "rich", "handback")),
        ("from handback_client.cli import app", ("grpc", "google.protobuf", "rich", "asyncio")),
        (
            "import contextlib, handback_client.cli.app as app\n"
            "with contextlib.suppress(SystemExit): app.handback(['--help'])",
            ("grpc", "google.protobuf", "rich", "asyncio"),
        ),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(program: str, heavy: tuple[str, ...]) -> None:
    program = f"{program}\nimport sys\nprint([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=SOURCE, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_every_public_name_is_there() -> None:
    import handback_client

    for name in handback_client.__all__:
        assert getattr(handback_client, name)
    with pytest.raises(AttributeError, match="nonsense"):
        handback_client.nonsense  # noqa: B018


def test_the_sync_client_is_the_async_one_without_its_awaits() -> None:
    check = [sys.executable, str(SOURCE / "async_to_sync.py"), "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
