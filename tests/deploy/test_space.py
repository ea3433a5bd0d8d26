"""A Space is made and brought up to date by the real client, against a server that answers the Hub's routes."""

import ast
import importlib.metadata
import re
import sys
from argparse import ArgumentParser
from pathlib import Path

import hub_server
import pytest
from served import visit

from bibier.cli import deploy as command
from bibier.deploy import space, staging
from bibier.errors import InputError

ROOT = Path(__file__).parents[2]
DATABASE = "postgresql+psycopg://somebody:s3cr3t-word@db.example/emotions"


@pytest.fixture
def served_hub(monkeypatch):
    from huggingface_hub import HfApi, constants

    # the client's own switch: large files go by git-lfs, whose routes the server has; Xet has a protocol of its own
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with hub_server.served() as kept:
        yield kept, HfApi(endpoint=kept.address, token="hf_none")


def call(api, *arguments):
    parser = ArgumentParser()
    command.add(parser.add_subparsers())
    return command.run(parser.parse_args(["deploy", "me/voice", *arguments]), api)


def staged(folder, hardware="cpu-basic"):
    staging.stage(ROOT, folder, hardware=hardware)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_space_is_made_and_a_second_run_sends_only_what_changed(served_hub, tmp_path, capsys, monkeypatch):
    server, api = served_hub
    assert call(api, "--private") == 0
    repo = server.repos["spaces/me/voice"]
    printed = capsys.readouterr()
    files = staged(tmp_path / "space")
    assert {name: data for name, data in repo.files.items() if name != ".gitattributes"} == files
    assert (repo.private, repo.sdk, repo.commits) == (True, "gradio", 1)
    assert repo.variables["BIBIER_CHECKPOINT"]["value"] == "compact"
    assert f"{api.endpoint}/spaces/me/voice" in printed.out and "restarts" in printed.err
    assert f"+ app.py\t{len(files['app.py'])}" in printed.out

    server.asked.clear()
    assert call(api) == 0 and repo.commits == 1
    assert {verb for verb, _ in server.asked} == {"GET"} and "nothing changed" in capsys.readouterr().out

    # Somebody changed one file there, one is gone here, and one was never sent.
    repo.files |= {"app.py": b"old", "bibier/old.py": b"gone"}
    del repo.files["examples/sad_en.ogg"]
    server.asked.clear()
    assert call(api) == 0 and repo.commits == 2
    printed = capsys.readouterr().out
    assert [line.split("\t")[0] for line in printed.splitlines() if line[0] in "+~-"] == [
        "+ examples/sad_en.ogg",
        "~ app.py",
        "- bibier/old.py",
    ]
    assert {name: data for name, data in repo.files.items() if name != ".gitattributes"} == files
    assert not [path for _, path in server.asked if "lfs" in path]  # the weights were not sent again


def test_secrets_are_sent_as_such_and_seen_nowhere_else(served_hub, tmp_path, capsys):
    server, api = served_hub
    call(api, "--database", DATABASE, "--out", str(tmp_path / "space"))
    repo = server.repos["spaces/me/voice"]
    assert repo.secrets["BIBIER_DATABASE"]["value"] == DATABASE
    assert "psycopg" in (tmp_path / "space" / "requirements.txt").read_text()
    printed = capsys.readouterr()
    assert "secret BIBIER_DATABASE" in printed.out
    description = repo.secrets["BIBIER_DATABASE"]["description"]
    for text in (printed.out, printed.err, description, str(repo.variables), *map(str, repo.files.values())):
        assert "s3cr3t" not in text
    server.asked.clear()
    call(api, "--database", DATABASE)
    assert not [path for verb, path in server.asked if verb != "GET"]
    call(api, "--database", DATABASE.replace("s3cr3t", "n3w"))
    assert "n3w" in repo.secrets["BIBIER_DATABASE"]["value"] and repo.commits == 1
    # a build's log may say what it likes
    repo.stages, repo.log = ["BUILDING", "BUILD_ERROR"], ["Collecting\n", f"could not reach {DATABASE}\n"]
    repo.files["app.py"] = b"old"
    with pytest.raises(InputError, match="BUILD_ERROR") as error:
        command_with_short_pauses(api, "--database", DATABASE)
    assert "Collecting" in str(error.value) and "could not reach •••" in str(error.value)


def command_with_short_pauses(api, *arguments):
    watch = space.watch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "watch", lambda *given: watch(*given, pause=0.01))
        return call(api, *arguments)


def test_a_fingerprint_knows_its_secret_only():
    mark = space.fingerprint("word")
    assert space.is_print_of(mark, "word") and not space.is_print_of(mark, "other")
    assert mark != space.fingerprint("word")
    for strange in ("", "scrypt", "scrypt zz 00", "scrypt 0 00", "somebody's own description"):
        assert not space.is_print_of(strange, "word")


@pytest.mark.parametrize("part", ["/blob/", "/lfs/", "/preupload/", "/commit/"])
def test_a_failure_in_the_middle_leaves_the_space_as_it_was(served_hub, tmp_path, part):
    server, api = served_hub
    call(api)
    repo = server.repos["spaces/me/voice"]
    whole = dict(repo.files)
    weights = "checkpoints/compact/model.safetensors"
    repo.files |= {weights: b"an older model", "app.py": b"an older app"}
    before = dict(repo.files)
    server.blobs.clear()
    server.refuse[part] = 403
    with pytest.raises(InputError, match="run this again"):
        call(api)
    assert repo.files == before and repo.commits == 1
    server.refuse.clear()
    assert call(api) == 0
    assert repo.files == whole and repo.commits == 2


def test_a_failure_at_the_settings_is_made_good_by_the_next_run(served_hub):
    server, api = served_hub
    call(api)
    repo = server.repos["spaces/me/voice"]
    repo.variables.clear()
    for part in ("/variables", "/hardware"):
        server.refuse[part] = 403
    with pytest.raises(InputError):
        call(api, "--hardware", "cpu-upgrade")
    server.refuse.clear()
    call(api, "--hardware", "cpu-upgrade")
    assert repo.hardware == "cpu-upgrade" and repo.variables["BIBIER_CHECKPOINT"]["value"] == "compact"
    call(api)  # the hardware that it has is kept
    assert repo.hardware == "cpu-upgrade"


def test_what_is_somebody_else_s_is_never_deleted(served_hub):
    server, api = served_hub
    call(api)
    repo = server.repos["spaces/me/voice"]
    repo.files = {"README.md": b"", "thesis.py": b"years of work"}
    with pytest.raises(InputError, match=r"thesis\.py"):
        call(api)
    assert repo.files.keys() == {"README.md", "thesis.py"}
    repo.files = {}
    with pytest.raises(InputError, match="open to everybody"):
        call(api, "--private")


def test_a_dry_run_sends_nothing_and_leaves_the_folder(served_hub, tmp_path, capsys):
    server, api = served_hub
    assert call(api, "--dry-run", "--backup-dataset", "me/kept", "--hardware", "zero-a10g") == 0
    assert not server.repos and {verb for verb, _ in server.asked} == {"GET"}
    printed = capsys.readouterr().out
    for line in ("variable BIBIER_BACKUP", "secret BIBIER_BACKUP_TOKEN", "hardware zero-a10g"):
        assert line in printed.splitlines()
    folder = Path(re.search(r"The staged folder: (.+)", printed)[1])
    assert (folder / "app.py").is_file() and "spaces==" in (folder / "requirements.txt").read_text()
    # without a network, everything counts as new, and that is said
    from huggingface_hub import HfApi

    assert call(HfApi(endpoint="http://127.0.0.1:9", token="hf_none"), "--dry-run", "--out", str(tmp_path / "d")) == 0
    assert "not reached" in capsys.readouterr().out and (tmp_path / "d" / "README.md").is_file()


def test_what_can_not_work_is_refused_before_anything_is_sent(served_hub, monkeypatch):
    kept, api = served_hub
    monkeypatch.delenv("BIBIER_BACKUP_TOKEN", raising=False)
    for wrong, sentence in (
        (["--hardware", "abacus"], "no hardware"),
        (["--database", "sqlite:///a.db"], "needs a server"),
        (["--backup-dataset", "me/kept"], "BIBIER_BACKUP_TOKEN"),
        (["--checkpoint", "absent"], "no checkpoint"),
    ):
        with pytest.raises(InputError, match=sentence):
            call(api, *wrong)
    assert not kept.repos


def test_an_installed_package_makes_no_space(served_hub, tmp_path, monkeypatch):
    """The wheel holds no app.py and no pins: that is said before anything is asked of the Hub."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    with pytest.raises(InputError, match="checkout"):
        call(served_hub[1], "--dry-run")


def test_the_build_is_followed_to_its_end(served_hub):
    server, api = served_hub
    call(api)
    repo, stages = server.repos["spaces/me/voice"], []
    spec = space.SpaceSpec("me/voice", "cpu-basic")
    repo.stages = ["BUILDING", "BUILDING", "APP_STARTING", "RUNNING"]
    space.watch(api, spec, repo.revision, stages.append, pause=0.01)
    assert stages == ["BUILDING", "APP_STARTING", "RUNNING"]
    # The stage of the version before the commit is not believed at once, and not for ever.
    stages.clear()
    space.watch(api, spec, "f" * 40, stages.append, pause=0.01, grace=0.3)
    assert stages == ["RUNNING"]
    repo.stages, repo.log = ["RUNTIME_ERROR"], []
    server.refuse["/logs/"] = 404
    with pytest.raises(InputError, match="the Hub gave none"):
        space.watch(api, spec, None, stages.append)
    repo.stages = ["BUILDING"]
    with pytest.raises(InputError, match="still at BUILDING"):
        space.watch(api, spec, None, stages.append, pause=0.01, patience=0.05)


# Imported late, and only by what the app does not do on a Space; a sentence says how to get them.
EXTRAS = {"datasets", "ray", "pyarrow", "pandas", "funasr", "mamba_ssm", "causal_conv1d", "triton", "spaces"}
EXTRAS |= {"onnx", "onnxruntime"}  # of exports, which no Space makes


def test_every_import_of_the_staged_tree_is_pinned_in_it(tmp_path):
    staged(tmp_path / "space", "zero-a10g")
    pinned = re.findall(r"^([\w-]+)(?:\[\w+\])?==", (tmp_path / "space" / "requirements.txt").read_text(), re.M)
    packages = importlib.metadata.packages_distributions()

    def plain(name):
        return re.sub(r"[-_.]+", "-", name).lower()

    def installed_with(name, seen):
        """Return a package and what it always brings."""
        if plain(name) in seen:
            return
        seen.add(plain(name))
        try:
            wanted = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            return
        for requirement in wanted:
            if "extra ==" not in requirement:
                installed_with(re.match(r"[\w.-]+", requirement)[0], seen)

    brought: set[str] = set()
    for name in pinned:
        installed_with(name, brought)
    lacking = {}
    for path in (tmp_path / "space").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in {module.split(".")[0] for module in names} - {"bibier"} - sys.stdlib_module_names - EXTRAS:
                if not {plain(package) for package in packages.get(name, ())} & brought:
                    lacking.setdefault(name, set()).add(path.name)
    assert not lacking


def test_the_staged_folder_starts_and_answers(tmp_path):
    from gradio_client import Client, handle_file
    from served import served

    folder = tmp_path / "space"
    staged(folder)
    with served(folder, program=folder / "app.py") as address:
        with visit(address) as guest:
            assert "BiBiER" in guest.get("/").text
        answer = Client(address, verbose=False).predict(
            handle_file(str(folder / "examples" / "happy_en.ogg")), "what a day", api_name="/predict"
        )
    assert abs(sum(answer["bimodal"].values()) - 1) < 1e-6 and len(answer["audio"]) == 7
