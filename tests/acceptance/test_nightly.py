"""A scheduled refresh is not lost if another run is live at its time."""

from world import World, eventually

SEND = "from worker.app import app; app.send_task('tasks.maintain.nightly', ('payments',))"


def test_a_nightly_refresh_follows_a_calculation_that_was_running(refreshed_copy: World) -> None:
    """A calculation sends no request to Jira, so the refresh follows it."""
    world = refreshed_copy
    before = len(runs_of(world, "refresh"))
    world.run("calculate", "--as-of", "2026-06-30", "--no-wait")
    world.python(SEND)  # after the first step of the calculation, and before its others
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: len(runs_of(world, "refresh")) == before + 1)
    eventually(lambda: set(runs_of(world, "refresh") + runs_of(world, "calculate")) == {"completed"})
    assert any(line["message"] == "scheduled refresh waits" for line in world.log_lines())


def runs_of(world: World, kind: str) -> list[str]:
    """Return the states of the runs of a kind."""
    return [state for state, one_kind in world.rows("select state, kind from runs") if one_kind == kind]
