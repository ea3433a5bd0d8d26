"""What the package and each of its extras weigh on the disk, by what is installed here and what that requires.

    python -m benchmarks.weight

No network: run it in an environment with everything (`make .venv/bin/.dev`). "Alone" is the package with this extra and
all that both require; "more" is what the extra adds to the package; the largest of that are named.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMED = 4  # of the largest packages


@cache
def size(name: str) -> int:
    """Return the bytes of a package's files, 0 where it isn't installed."""
    try:
        files = metadata.distribution(name).files or []
    except metadata.PackageNotFoundError:
        return 0
    paths = {Path(str(file.locate())) for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file())


def closure(requirements: list[str]) -> set[str]:
    """Return the names of all packages that these bring."""
    names: set[str] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        key = (name, frozenset(requirement.extras))
        if name == PROJECT["name"]:
            own = [text for extra in requirement.extras for text in PROJECT["optional-dependencies"][extra]]
            waiting += [(Requirement(text), "") for text in own]
            continue
        if key in done:
            continue
        done.add(key)
        names.add(name)
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        waiting += [(Requirement(text), extra) for text in requires for extra in ("", *requirement.extras)]
    return names


def main() -> None:
    """Print a table."""
    base = closure(PROJECT["dependencies"])
    print(f"torch {metadata.version('torch')}\n")
    print("| install | alone, MB | more, MB | the largest, MB |\n|---|---:|---:|---|")
    for extra in ("", *PROJECT["optional-dependencies"]):
        own = closure(PROJECT["optional-dependencies"][extra]) if extra else base
        added = own - base if extra else base
        total, more = (sum(size(name) for name in names) / 1e6 for names in (base | own, added))
        largest = sorted(added, key=size, reverse=True)[:NAMED]
        named = ", ".join(f"{name} {size(name) / 1e6:.0f}" for name in largest)
        missing = sorted(name for name in added if not size(name) and name in {"mamba-ssm", "triton", "causal-conv1d"})
        note = f"; not installed here: {', '.join(missing)}" if missing else ""
        print(f"| `bibier{f'[{extra}]' if extra else ''}` | {total:.0f} | {more:.0f} | {named}{note} |")


if __name__ == "__main__":
    main()
