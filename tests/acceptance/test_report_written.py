"""A worker writes the report page after each calculation; a page that cannot be written fails no run."""

from collections.abc import Callable
from pathlib import Path

from world import World, eventually

KEY = 'jql = "project = PAY"\nreport = "reports/payments.html"'


def test_a_refresh_writes_the_page_and_succeeds_when_it_cannot(make_world: Callable[..., World]) -> None:
    """When a command ends, the page is written, or replaced; then a file in place of its folder prevents it."""
    world = make_world()
    config = world.folder / "flowbeat.toml"
    text = config.read_text(encoding="utf-8").replace('jql = "project = PAY"', KEY)
    config.write_text(text, encoding="utf-8")
    file = world.folder / "reports" / "payments.html"
    world.serve()
    assert world.run("refresh").returncode == 0
    assert "In progress now" in file.read_text(encoding="utf-8")
    assert _check(world)[0] == 0

    file.write_text("old", encoding="utf-8")
    assert world.run("calculate").returncode == 0
    assert "In progress now" in file.read_text(encoding="utf-8")

    _replace_by_file(file.parent)
    done = world.run("calculate")
    assert done.returncode == 0, done.stderr
    lines = eventually(lambda: [line for line in world.log_lines() if line["message"] == "report page not written"])
    assert [line["level"] for line in lines] == ["WARNING"]
    code, said = _check(world)
    assert code == 1
    assert "profiles.payments.report" in said


def _check(world: World) -> tuple[int, str]:
    done = world.run("check")
    return done.returncode, " ".join(done.stdout.split())


def _replace_by_file(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("a file", encoding="utf-8")
