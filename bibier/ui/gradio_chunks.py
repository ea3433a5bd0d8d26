"""Which of Gradio's script and style files the page needs, so that it names them at once and gets the styles as one.

Gradio's page finds them one after the other: its first script names others, which name those of each component, some
twenty of them style sheets of a kilobyte. Here they are read out of the same scripts at the start. Where another
version of Gradio says it in another way, nothing is found, and its page looks for them itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

ENTRY = re.compile(r'src="\./assets/([\w.-]+\.js)"')  # of the page
SHEET = re.compile(r'<link rel="stylesheet" crossorigin href="\./assets/([\w.-]+\.css)">')  # likewise
NAMES = re.compile(r"m\.f=\[([^\]]*)\]")  # the files that a script speaks of by number
IMPORT = re.compile(r"import\(`\./([\w.-]+\.js)`\)[^,]*,__vite__mapDeps\(\[([\d,]*)\]\)")  # file, what it needs
COMPONENT = re.compile(r"[{,](\w+):\{([^{}]*\bcomponent:[^{}]*)\}")  # kind, how it is imported
LOCALE = re.compile(r"\w+ as changeLocale\b")  # what the script gives that changes the language of Gradio's labels
FIRST = ("Index-", "Blocks-")  # each is imported by the one before it; the first by the page's own


@dataclass(frozen=True)
class GradioChunks:
    """Names of files in `folder`, each once, in the order in which they are asked for.

    `locale` is the script that changes the language of Gradio's own labels.
    """

    folder: Path
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    locale: str | None = None

    def sheet(self) -> bytes:
        """Return all the styles as one sheet."""
        return b"\n".join((self.folder / name).read_bytes() for name in self.styles)

    def head(self, address: str) -> str:
        """Return what stands in the page's head for its own sheet; `address` is that of all of them as one.

        Gradio's page fetches no sheet that a link in the page names, and a browser none whose link is switched off.
        """
        links = [f'<link rel="modulepreload" crossorigin href="./assets/{name}">' for name in self.scripts]
        links += [f'<link rel="stylesheet" disabled href="./assets/{name}">' for name in self.styles]
        version = hashlib.sha256("".join(self.styles).encode()).hexdigest()[:16]  # their names say what is in them
        return f'<link rel="stylesheet" href="{address}?v={version}">' + "".join(links)


def imports(code: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the files that a script imports later, each with itself and whatever it needs."""
    listed = NAMES.search(code)
    names = [name.strip("\"'").removeprefix("./") for name in listed[1].split(",")] if listed else []
    for file, numbers in IMPORT.findall(code):
        yield file, [names[int(number)] for number in numbers.split(",") if number]


def find(frontend: Path, kinds: Collection[str]) -> GradioChunks:
    """Find what a page with components of these kinds needs, in the folder of Gradio's page."""
    folder = frontend / "assets"
    page = (frontend / "index.html").read_text(encoding="utf-8")
    entry, sheet = ENTRY.search(page), SHEET.search(page)
    if entry is None or sheet is None:
        return GradioChunks(folder)
    needed, file = {sheet[1]: None}, entry[1]  # in order
    for first in FIRST:
        code = (folder / file).read_text(encoding="utf-8")
        file, files = next((found for found in imports(code) if found[0].startswith(first)), ("", []))
        if not file:
            return GradioChunks(folder)
        needed |= dict.fromkeys(files)
    scripts = {name: (folder / name).read_text(encoding="utf-8") for name in needed if name.endswith(".js")}
    locale = next((name for name, code in scripts.items() if LOCALE.search(code)), None)
    if locale is not None:  # which imports the components as well
        parts = dict(imports(scripts[locale]))
        for kind, how in COMPONENT.findall(scripts[locale]):
            part = re.search(r"\bcomponent:.*?import\(`\./([\w.-]+\.js)`\)", how)
            if kind in kinds and part:
                needed |= dict.fromkeys(parts[part[1]])
    styles = tuple(name for name in needed if name.endswith(".css"))
    return GradioChunks(folder, styles, tuple(name for name in needed if name.endswith(".js")), locale)
