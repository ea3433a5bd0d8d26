"""A server on this computer that answers the Hub's routes which the real client uses: models, datasets and Spaces.

It keeps commits in memory, whole or not at all as the Hub's, with large files apart under their hash; and it can be
told to refuse, to be slow, to break off in the middle, or to send wrong bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".safetensors", ".bin", ".parquet")
NAME = r"[\w.-]+/[\w.-]+"


def git(content: bytes) -> str:
    """Git's own name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Repo:
    """A repository: its commits by hash, where its branches stand, and a Space's settings."""

    def __init__(self, kind: str, private: bool = False, files: dict[str, bytes] | None = None):
        self.kind, self.private, self.commits = kind, private, -1  # the first, empty one is no news
        self.snapshots: dict[str, dict[str, bytes]] = {}
        self.refs: dict[str, str] = {}
        self.variables: dict[str, dict] = {}
        self.secrets: dict[str, dict] = {}
        self.hardware: str | None = None
        self.sdk: str | None = None
        self.stages = ["RUNNING"]  # what each further question is answered with; the last stays
        self.log = ["line one\n"]
        self.commit(files or {})

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        """Put these files in place of all that there are; return the commit."""
        self.commits += 1
        names = {path: hashlib.sha1(content).hexdigest() for path, content in files.items()}
        sha = hashlib.sha1(json.dumps([self.commits, names]).encode()).hexdigest()
        self.snapshots[sha] = files
        self.refs[ref] = sha
        return sha

    @property
    def revision(self) -> str:
        """The hash of the last commit."""
        return self.refs["main"]

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the last commit; those that are set stand in their place, as if they had been sent in it."""
        return self.snapshots[self.revision]

    @files.setter
    def files(self, files: dict[str, bytes]) -> None:
        self.snapshots[self.revision] = files


@dataclass
class Hub:
    """What the server holds and what it was asked."""

    repos: dict[str, Repo] = field(default_factory=dict)  # by address: "me/voice", "datasets/me/kept", "spaces/me/app"
    blobs: dict[str, bytes] = field(default_factory=dict)  # by SHA-256
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)  # a part of "METHOD /path" → the status that it gets
    broken: int = 0  # uploads that are cut in the middle
    wrong: bool = False  # wrong bytes are given
    down: bool = False  # every answer is 503
    wait: float = 0.0  # s before an answer
    address: str = ""

    def put(self, name: str, files: dict[str, bytes], *, ref: str = "main", private: bool = False) -> str:
        """Commit files of a model over those that are there; returns the commit."""
        repo = self.repos.setdefault(name, Repo("models", private))
        return repo.commit(repo.snapshots[repo.refs.get(ref, repo.revision)] | files, ref)

    def files(self, name: str) -> dict[str, bytes]:
        """Return the files of a model's last commit."""
        return self.repos[name].files


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.dispatch(b"")

    do_HEAD = do_GET

    def do_POST(self):
        self.dispatch(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_DELETE = do_POST

    def do_PUT(self):
        if self.hub.broken:
            self.hub.broken -= 1
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self.close_connection = True
            self.connection.close()
            return
        self.do_POST()

    def dispatch(self, body: bytes) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path))
        time.sleep(hub.wait)
        if hub.down:
            return self.answer(503, {"error": "down"})
        for part, status in hub.refuse.items():
            if part in f"{self.command} {path}":
                return self.answer(status, {"error": "refused"})
        if path.startswith("/blob/"):
            hub.blobs[path.removeprefix("/blob/")] = body
            return self.answer(200, {})
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path.endswith("/info/lfs/objects/batch"):
            return self.batch(json.loads(body))
        if file := re.fullmatch(rf"/((?:datasets/|spaces/)?{NAME})/resolve/([\w.-]+)/(.+)", path):
            return self.file(*file.groups())
        route = re.fullmatch(rf"/api/(models|datasets|spaces)/({NAME})(?:/(\w+)(?:/(.+?))?/?)?", path)
        address = route and (route[2] if route[1] == "models" else f"{route[1]}/{route[2]}")
        if address not in hub.repos:
            return self.missing("Repo")
        act = getattr(self, f"on_{route[3] or 'revision'}")
        return act(hub.repos[address], route[2], route[4] or "main", body)

    def create(self, sent: dict) -> None:
        kind, name = f"{sent.get('type', 'model')}s", f"{sent['organization']}/{sent['name']}"
        address = name if kind == "models" else f"{kind}/{name}"
        known = address in self.hub.repos
        if not known:
            private = bool(sent.get("private", sent.get("visibility") == "private"))
            repo = self.hub.repos[address] = Repo(
                kind, private, {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}
            )
            repo.sdk, repo.hardware = sent.get("sdk"), sent.get("hardware")
            repo.secrets = {one["key"]: one for one in sent.get("secrets", ())}
            repo.variables = {one["key"]: one for one in sent.get("variables", ())}
        told = {"url": f"{self.hub.address}/{address}", "name": name}
        self.answer(409 if known else 200, told | ({"error": "exists"} if known else {}))

    def batch(self, sent: dict) -> None:
        objects = [
            {"oid": entry["oid"], "size": entry["size"]}
            | ({} if entry["oid"] in self.hub.blobs else {"actions": {"upload": {"href": self.blob(entry["oid"])}}})
            for entry in sent["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def blob(self, oid: str) -> str:
        return f"{self.hub.address}/blob/{oid}"

    def on_revision(self, repo: Repo, name: str, ref: str, _) -> None:
        sha = repo.refs.get(ref, ref)
        if sha not in repo.snapshots:
            return self.missing("Revision")
        siblings = []
        for path, content in repo.snapshots[sha].items():
            sibling = {"rfilename": path}
            if "blobs" in parse_qs(urlsplit(self.path).query):
                sibling |= {"size": len(content), "blobId": git(content)}
                if path.endswith(LFS):
                    digest = hashlib.sha256(content).hexdigest()
                    sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(sibling)
        facts = {"id": name, "private": repo.private, "sha": sha, "tags": [], "siblings": siblings}
        return self.answer(200, facts)

    def on_tree(self, repo: Repo, name: str, ref: str, _) -> None:
        sha = repo.refs.get(ref, ref)
        if sha not in repo.snapshots:
            return self.missing("Revision")
        rows = []
        for path, content in repo.snapshots[sha].items():
            row = {"type": "file", "path": path, "size": len(content)}
            if path.endswith(LFS):
                digest = hashlib.sha256(content).hexdigest()
                pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
                row["lfs"] = {"oid": digest, "size": len(content), "pointerSize": len(pointer)}
                content = pointer.encode()
            rows.append(row | {"oid": git(content)})
        return self.answer(200, rows)

    def on_preupload(self, repo: Repo, name: str, ref: str, body: bytes) -> None:
        files = [
            {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LFS) else "regular", "shouldIgnore": False}
            for f in json.loads(body)["files"]
        ]
        self.answer(200, {"files": files})

    def on_branch(self, repo: Repo, name: str, ref: str, _) -> None:
        repo.refs.setdefault(ref, repo.revision)
        self.answer(200, {})

    def on_commit(self, repo: Repo, name: str, ref: str, body: bytes) -> None:
        files = dict(repo.snapshots[repo.refs[ref]])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit", repo.refs[ref]) != repo.refs[ref]:
                return self.answer(412, {"error": "a commit has happened since"})
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = repo.commit(files, ref)
        kind = "" if repo.kind == "models" else f"{repo.kind}/"
        url = f"{self.hub.address}/{kind}{name}/commit/{oid}"
        return self.answer(200, {"commitUrl": url, "commitOid": oid, "success": True})

    def on_runtime(self, repo: Repo, *_) -> None:
        stage = repo.stages.pop(0) if len(repo.stages) > 1 else repo.stages[0]
        self.answer(200, self.runtime(repo, stage))

    def runtime(self, repo: Repo, stage: str) -> dict:
        return {"stage": stage, "hardware": {"current": None, "requested": repo.hardware}, "sha": repo.revision}

    def on_hardware(self, repo: Repo, name: str, ref: str, body: bytes) -> None:
        repo.hardware = json.loads(body)["flavor"]
        self.answer(200, self.runtime(repo, "BUILDING"))

    def on_variables(self, repo: Repo, name: str, ref: str, body: bytes) -> None:
        if body:
            repo.variables[json.loads(body)["key"]] = json.loads(body)
        self.answer(200, repo.variables)

    def on_secrets(self, repo: Repo, name: str, ref: str, body: bytes) -> None:
        if body:
            repo.secrets[json.loads(body)["key"]] = json.loads(body)
            return self.answer(200, {})
        # no value is ever given back
        return self.answer(200, {k: {"description": secret.get("description")} for k, secret in repo.secrets.items()})

    def on_logs(self, repo: Repo, *_) -> None:
        events = "".join(f"data: {json.dumps({'data': line})}\n\n" for line in repo.log)
        self.answer(200, events.encode(), {"Content-Type": "text/event-stream"})

    def file(self, address: str, ref: str, path: str) -> None:
        repo = self.hub.repos.get(address)
        sha = repo and repo.refs.get(ref, ref)
        if not repo or sha not in repo.snapshots:
            return self.missing("Revision" if repo else "Repo")
        content = repo.snapshots[sha].get(path)
        if content is None:
            return self.missing("Entry", {"X-Repo-Commit": sha})
        tag = hashlib.sha256(content).hexdigest() if path.endswith(LFS) else git(content)
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": sha, "X-Linked-Size": str(len(content))}
        if self.hub.wrong and path.endswith(LFS):
            content = bytes(len(content))
        return self.answer(200, content, headers)

    def missing(self, kind: str, more: dict | None = None) -> None:
        self.answer(404, {"error": f"{kind} not found"}, {"X-Error-Code": f"{kind}NotFound"} | (more or {}))

    def answer(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        kind = {} if isinstance(value, bytes) else {"Content-Type": "application/json"}
        self.send_response(status)
        for name, text in ({"Content-Length": str(len(body))} | kind | (headers or {})).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def served() -> Iterator[Hub]:
    """Serve an empty Hub of one's own; yields it with its address."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
