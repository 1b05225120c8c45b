"""What is installed from the wheel works by itself: in an environment of its own, in an empty folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.timeout(900),  # it installs all dependencies
    pytest.mark.xdist_group("dist"),  # one process builds the wheel
]
ROOT = Path(__file__).parents[2]
PACKAGES = ("console", "models", "report", "sandbox", "scheduler", "tasks", "worker")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this tree, built as `make dist` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT))
    (built,) = folder.glob("flowbeat-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of a new environment that has the wheel and nothing of this tree."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    pip = (sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"))
    # Python compiles the modules that are imported; compiling all of them took longer than the rest of this test.
    run(*pip, "install", "--quiet", "--no-compile", "-c", str(ROOT / "constraints.txt"), str(wheel))
    return environment / "bin"


def run(*words: str, cwd: Path | None = None) -> str:
    """Return what a command prints; it must succeed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWBEAT_", "PYTHONPATH"))}
    done = subprocess.run(words, cwd=cwd, env=clean, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    """Scripts, templates, styles and the documents that a command shows are in it, not only modules."""
    tracked = run("git", "-C", str(ROOT), "ls-files", "celeryconfig.py", *PACKAGES).split()
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert len(tracked) > 100
    assert set(tracked) - packed == set()
    assert {"console/browse/sql.md", "console/browse/tables.md"} <= packed
    assert not [name for name in packed if name.startswith(("tests/", "benchmarks/"))]


def test_the_files_that_the_image_copies_are_enough_to_build_it(tmp_path: Path) -> None:
    """A file that the build needs and that the Dockerfile does not copy would end it."""
    for line in re.findall(r"^COPY (.+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE):
        *names, place = line.split()
        for name in names:
            target = tmp_path / place / Path(name).name if place.endswith("/") else tmp_path / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, target)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(tmp_path))
    assert list((tmp_path / "dist").glob("flowbeat-*.whl"))


def test_the_bill_of_materials_is_what_an_installation_has(programs: Path, tmp_path: Path) -> None:
    """No more and no less, as a CycloneDX document; `make dist` writes it beside the wheel."""
    recipe = re.findall(r"^\t@(needed=(?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(recipe) == 1
    shell = recipe[0].replace("\\\n", " ").replace("$$", "$").replace("$(BIN)", str(Path(sys.executable).parent))
    (tmp_path / "dist").mkdir()
    shell = shell.replace("dist/", f"{tmp_path}/dist/")
    subprocess.run(["sh", "-c", shell], cwd=ROOT, check=True)
    document = json.loads((tmp_path / "dist" / "flowbeat.cdx.json").read_text(encoding="utf-8"))
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "flowbeat")
    listing = (
        "from importlib.metadata import distributions\n"
        "print(*(f'{item.name}=={item.version}' for item in distributions() if item.name != 'flowbeat'), sep='\\n')"
    )
    installed = {canonical(line) for line in run(str(programs / "python"), "-c", listing).split()}
    assert {canonical(f"{item['name']}=={item['version']}") for item in document["components"]} == installed


def canonical(text: str) -> str:
    """Return a name and version as all programs write it."""
    name, version = text.split("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


def test_an_installed_flowbeat_runs_its_demo_in_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    """Both names of the command exist, and the demo refreshes, calculates and writes its page."""
    version = run(str(programs / "flowbeat"), "--version", cwd=tmp_path)
    assert run(str(programs / "python"), "-m", "console", "--version", cwd=tmp_path) == version
    said = run(str(programs / "flowbeat"), "demo", cwd=tmp_path)
    assert "lead_time" in said
    page = tmp_path / ".flowbeat" / "demo" / "payments.html"
    assert "In progress now" in page.read_text(encoding="utf-8")
