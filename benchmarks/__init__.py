"""The cost of Flowbeat: each module prints its own figures, and what they are compared with."""

import sys
from pathlib import Path

# The benchmarks compare with the reference of the tests, which is imported by the same name there: `reference`.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
