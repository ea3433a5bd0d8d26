"""The documents tell the truth: what they name exists, and every command, option, setting and key is named in them."""

import argparse
import dataclasses
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ENGLISH = [page for page in PAGES if not page.name.endswith(".ru.md")]
TRANSLATED = [page for page in PAGES if page.name.endswith(".ru.md")]
PROGRAMS = {"python app.py": "app", "python -m bibier": "bibier.__main__", "python -m train": "train.__main__"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    """The text without its indented blocks of code and without the front matter."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def blocks(text: str) -> list[str]:
    """The indented blocks of code, their comments left out; an empty line ends a block."""
    found, inside = [], False
    for line in text.splitlines():
        if line.startswith("    "):
            found[-1:] = [f"{found[-1]}\n{line[4:]}"] if inside else [*found[-1:], line[4:]]
        inside = line.startswith("    ")
    return [re.sub(r"\s+# .*$", "", block, flags=re.MULTILINE) for block in found]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", without_blocks(text))


# --- commands and options --------------------------------------------------------------------------------------------


class Described(Exception):
    """A parser is complete: its program is about to read the command line."""


@pytest.fixture(scope="module")
def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command that can be given, such as "python -m bibier annotations set", with its parser."""
    collected = {}

    def hand_over(parser, *_):
        raise Described(parser)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", hand_over)
        for call, module in PROGRAMS.items():
            with pytest.raises(Described) as refused:
                importlib.import_module(module).main()
            spread(call, refused.value.args[0], collected)
    return collected


def spread(call: str, parser: argparse.ArgumentParser, options: dict) -> None:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        options[call] = parser
    for action in below:
        for name, subparser in action.choices.items():
            spread(f"{call} {name}", subparser, options)


def options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: action for action in parser._actions for name in action.option_strings if action.dest != "help"}


def mentions(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def spelt_out(text: str) -> str:
    r"""`call a\|b` as `call a`, `call b`."""

    def apart(match: re.Match) -> str:
        *before, last = match[1].split(" ")
        return " ".join(f"`{' '.join([*before, alternative])}`" for alternative in last.split("\\|"))

    return re.sub(r"`([^`\n]+)`", apart, text)


def test_all_programs_are_looked_at(commands):
    assert len(commands) > 25
    assert {"python app.py", "python -m bibier annotations set", "python -m train released"} <= commands.keys()


def test_the_readme_names_every_command(commands):
    readme = spelt_out(text_of(ROOT / "README.md"))
    assert [call for call in commands if not mentions(readme, call)] == []


def test_a_page_that_shows_a_command_names_all_its_options_and_choices(commands):
    lacking = []
    for call, parser in commands.items():
        pages = ["\n".join(blocks(text) + codes(text)) for text in map(text_of, ENGLISH[1:]) if mentions(text, call)]
        assert pages, f"no page of docs/ shows {call}"
        for name, action in options(parser).items():
            wanted = [name, *map(str, action.choices or ())]
            lacking += [f"{call} {word}" for word in wanted if not any(mentions(text, word) for text in pages)]
    assert lacking == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_exists_with_its_options(page, commands):
    text = text_of(page)
    lines = [line for block in blocks(text) for line in block.splitlines()] + codes(text)
    for line in lines:
        for shown in re.findall(r"python (?:-m [\w.]+|\S+\.py)[^;&]*", line):
            if shown.startswith(tuple(PROGRAMS)) and "\\|" not in shown and "…" not in shown:
                known = max((call for call in commands if mentions(shown, call)), key=len, default=None)
                assert known or any(call.startswith(shown.strip()) for call in commands), shown
                options_shown = re.findall(r"(?<![\w-])--?[a-z][\w-]*", shown.removeprefix(known or shown))
                assert set(options_shown) <= options(commands[known]).keys() if known else True, shown
            elif own := re.match(r"python -m ((?:benchmarks|examples)\.\w+)", shown):
                assert (ROOT / f"{own[1].replace('.', '/')}.py").is_file(), shown


def test_the_readme_names_every_verb_of_make():
    verbs = re.findall(r"^([a-z]+):.*##", text_of(ROOT / "Makefile"), re.MULTILINE)
    named = "\n".join(code for code in codes(text_of(ROOT / "README.md")))
    assert len(verbs) > 8
    assert [verb for verb in verbs if not mentions(named, verb) and not mentions(named, f"make {verb}")] == []


# --- settings --------------------------------------------------------------------------------------------------------


def sources() -> list[Path]:
    folders = ("bibier", "train", "benchmarks", "docs", "examples")
    return [ROOT / "app.py", *(p for folder in folders for p in (ROOT / folder).rglob("*.py"))]


def test_every_variable_of_the_environment_is_named_and_exists():
    read = {name for path in sources() for name in re.findall(r"\bBIBIER_[A-Z_]*[A-Z]\b", text_of(path))}
    named = {name for page in ENGLISH for name in re.findall(r"\bBIBIER_[A-Z_]*[A-Z]\b", text_of(page))}
    assert len(read) > 10
    assert read == named


def recipe_fields() -> set[str]:
    """The fields that a recipe's tables may have, of every kind of every part."""
    from bibier.checkpoint.components import REGISTRY
    from bibier.models.lpgnet import Distillation
    from train.augment.concatenate import Merging
    from train.augment.perturb import Perturbation
    from train.augment.soft_targets import Softening
    from train.experiment import recipe
    from train.loop import settings

    tables = [recipe.Recipe, recipe.AudioPart, recipe.TextPart, recipe.FusionPart, settings.FitSettings]
    tables += [Perturbation, Merging, Softening, Distillation]
    tables += [kind.config for kinds in REGISTRY.values() for kind in kinds.values()]
    names = {field.name for table in tables for field in dataclasses.fields(table)} | {"base", "match", "epsilon"}
    kinds = {name for kinds in REGISTRY.values() for name in kinds}
    return names | kinds | {*settings.OPTIMISERS, *settings.SCHEDULES, *settings.PRECISIONS}


@pytest.mark.parametrize("name", ["researcher.md", "researcher.ru.md"])
def test_every_setting_of_a_recipe_is_named(name):
    text = text_of(ROOT / "docs" / name)
    recipes = text[text.index("compact.toml") :]
    named = {word for code in codes(recipes) for word in re.findall(r"[\w-]+", code)}
    assert sorted(recipe_fields() - named) == []


def test_every_recipe_is_named():
    text = text_of(ROOT / "docs" / "researcher.md")
    patterns = [re.escape(code).replace(r"\*", ".*") for code in codes(text) if code.endswith(".toml")]
    recipes = [path.name for path in (ROOT / "train" / "recipes").glob("*.toml")]
    assert [name for name in recipes if not any(re.fullmatch(pattern, name) for pattern in patterns)] == []


def test_every_format_of_an_export_is_named():
    from bibier.annotation.exports import FORMATS

    for page in [*(ROOT / "docs").glob("annotator*.md"), *(ROOT / "docs").glob("researcher*.md")]:
        assert FORMATS.keys() <= set(codes(text_of(page))), page.name


# --- the annotator's page: what it calls things is what the interface calls them -------------------------------------


@pytest.mark.parametrize(("name", "language"), [("annotator.md", 0), ("annotator.ru.md", 1)])
def test_bold_names_stand_in_the_interface(name, language):
    from bibier.i18n.page import STRINGS

    shown = {pair[language] for pair in STRINGS.values()}
    bold = re.findall(r"\*\*(.+?)\*\*", text_of(ROOT / "docs" / name).replace("\n", " "))
    assert len(bold) > 40
    assert [text for text in bold if text not in shown] == []


@pytest.mark.parametrize("name", ["annotator.md", "annotator.ru.md"])
def test_every_key_of_the_editor_stands_in_the_table(name):
    script = text_of(ROOT / "bibier" / "ui" / "static" / "annotate_view.js")
    listed = re.findall(r'\["([^"]+)", "key_\w+"\]', script.replace("\\\\", "\\"))
    table = re.findall(r"^\| `([^`]+)` \|", text_of(ROOT / "docs" / name), re.MULTILINE)
    assert len(listed) > 15
    assert [key for key in listed if key not in table] == []


# --- numbers ---------------------------------------------------------------------------------------------------------


def numbers() -> list[tuple[str, str]]:
    """Pages and what must stand in them, with the numbers that the program has."""
    from bibier.annotation import backup, state, store
    from bibier.audio import format, microphone
    from bibier.inference import batch, queue
    from bibier.security import middleware
    from bibier.ui.agreement import measured
    from bibier.ui.annotate import prefetch
    from train.corpora import items

    assert state.ORDERS[0] == store.SETTINGS["order"] == "given" and store.SETTINGS["proposals"] == "hidden"
    cut, least = format.LONG_SECONDS, format.MIN_SECONDS
    return [
        ("annotator", f"within about {prefetch.PATIENCE:g} seconds"),
        ("annotator.ru", f"примерно за {prefetch.PATIENCE:g} секунд"),
        ("annotator", f"up to {measured.MOST} clips"),
        ("annotator.ru", f"до {measured.MOST} фрагментов"),
        ("annotator", f"(**Annotators per clip**, {store.SETTINGS['wanted']} at first)"),
        ("annotator.ru", f"(**Разметчиков на фрагмент**, сначала {store.SETTINGS['wanted']})"),
        ("deploying", f"| `BIBIER_UPLOAD_MB` | {middleware.LARGEST} |"),
        ("deploying", f"| `BIBIER_DISK_MB` | {middleware.DISK} |"),
        ("deploying", f"| `BIBIER_RETENTION` | {middleware.RETENTION:g} |"),
        ("deploying", f"up to {queue.MAX_WAITING} wait, told"),
        ("deploying", f"every {backup.EVERY // 60:g} minutes"),
        ("deploying", f"client_max_body_size {middleware.LARGEST + 10}m;"),
        ("researcher", f"at least {least} s, at most an hour"),
        ("researcher.ru", f"не короче {least} с и не длиннее часа".replace(".", ",")),
        ("researcher", f"What is longer than {cut} s is cut in its pauses"),
        ("researcher.ru", f"Что длиннее {cut} с, режется в паузах"),
        ("researcher", f"(default: {batch.BATCH}), of like lengths"),
        ("researcher.ru", f"(по умолчанию: {batch.BATCH}), близкой длины"),
        ("researcher", f"after {microphone.PAUSE} s of silence, or at {microphone.LONGEST:g} s"),
        (
            "researcher.ru",
            f"после {microphone.PAUSE} с тишины или на {microphone.LONGEST:g}-й секунде".replace("0.", "0,"),
        ),
        ("researcher", f"`limit` ({items.LIMIT})"),
        ("researcher.ru", f"`limit` ({items.LIMIT})"),
    ]


def test_numbers_are_those_of_the_program():
    texts = {page.stem: " ".join(text_of(page).split()) for page in PAGES}
    assert [(page, words) for page, words in numbers() if words not in texts[page]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page):
    for table in re.findall(r"(?:^\|.*\n)+", text_of(page), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


# --- links -----------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", without_blocks(text_of(page)), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", head).lower()).replace(" ", "-") for head in heads
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_pictures_and_anchors_exist(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(there), f"{page.name}: {target}"


def test_every_page_can_be_reached_from_the_readme():
    linked = "".join(re.findall(r"\]\((docs/[^)#]+)", text_of(ROOT / "README.md")))
    assert [page.name for page in PAGES if page.parent != ROOT and f"docs/{page.name}" not in linked] == []


def test_pictures_have_words_for_who_does_not_see_them():
    for page in PAGES:
        assert all(len(words) > 20 for words in re.findall(r"!\[(.*?)\]", text_of(page))), page.name


# --- two languages ---------------------------------------------------------------------------------------------------


def shape(text: str) -> list[list]:
    """Headings by their level, with the table rows, points and pictures under each."""
    collected = []
    for line in without_blocks(text).splitlines():
        if head := re.match(r"(#+) ", line):
            collected.append([head[1], 0, 0, 0])
        for at, start in enumerate(("|", "* ", "!["), start=1):
            if line.startswith(start):
                collected[-1][at] += 1
    return collected


def test_there_is_a_translation_for_annotator_and_researcher():
    assert {page.name for page in TRANSLATED} >= {"annotator.ru.md", "researcher.ru.md"}


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_a_translation_has_the_same_parts_and_commands(page):
    russian, english = text_of(page), text_of(page.with_name(page.name.replace(".ru.md", ".md")))
    assert shape(russian) == shape(english)
    assert blocks(russian) == blocks(english)
    assert set(codes(russian)) == set(codes(english))
