"""Print what an installation of Flowbeat consists of, as requirements: ``python tests/bill_of_materials.py``.

``make dist`` makes a CycloneDX document of it. What only development needs is left out.
"""

from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def main() -> None:
    """Print a line for each distribution."""
    for name, version in sorted(closure("flowbeat").items()):
        print(f"{name}=={version}")  # noqa: T201 - for the next program


def closure(name: str) -> dict[str, str]:
    """Return the distributions that one needs on this machine, directly or through others, with their versions."""
    versions: dict[str, str] = {}
    wanted = [Requirement(name)]
    while wanted:
        requirement = wanted.pop()
        key = canonicalize_name(requirement.name)
        if key in versions and not requirement.extras:
            continue
        versions[key] = metadata.version(requirement.name)
        for text in metadata.requires(requirement.name) or ():
            further = Requirement(text)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(further)
    del versions[canonicalize_name(name)]
    return versions


if __name__ == "__main__":
    main()
