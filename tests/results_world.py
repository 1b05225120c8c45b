"""A profile that was calculated twice, whose results the commands show."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import console_world as world
import pytest

AS_OF = "2026-10-01"
TWO_WEEKS = {"FLOWBEAT_PROFILES__PAYMENTS__HISTORY_WEEKS": "2"}
WEEKS = 14  # the twelve before NOW, and the two that only the calculation of the earlier as-of has


@pytest.fixture(scope="session")
def results_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a profile without incidents that was refreshed at NOW, then calculated for the end of an earlier day."""
    place = tmp_path_factory.mktemp("results")
    world.configure(place, incidents="")
    with world.world(place) as current:
        world.refresh(current)
        end_of_day = datetime(2026, 10, 1, 22, 0, tzinfo=UTC)  # midnight in Zagreb
        world.carry_out(current, world.request(current, "calculate", as_of=end_of_day))
    yield place
    shutil.rmtree(place)
