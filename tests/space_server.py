"""A server that answers the routes of the Hub that Spaces and private datasets use, and keeps what it is sent.

Commits are whole or not at all, as the Hub's; large files lie apart under their hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE = (".safetensors",)


class Repo:
    """A repository: the files of its last commit, and a Space's settings."""

    def __init__(self, kind: str, private: bool):
        self.kind, self.private, self.commits = kind, private, 0
        self.files: dict[str, bytes] = {".gitattributes": b"*.safetensors filter=lfs\n"}
        self.variables: dict[str, dict] = {}
        self.secrets: dict[str, dict] = {}
        self.hardware: str | None = None
        self.stages = ["RUNNING"]  # what each further question is answered with; the last stays
        self.log = ["line one\n"]

    @property
    def revision(self) -> str:
        """The hash of the last commit."""
        return f"{self.commits:040x}"

    def tree(self) -> list[dict]:
        """Return the files as the Hub lists them."""
        found = []
        for path, data in self.files.items():
            row = {"type": "file", "path": path, "size": len(data)}
            if path.endswith(LARGE):
                sha256 = hashlib.sha256(data).hexdigest()
                pointer = (
                    f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n".encode()
                )
                row |= {"lfs": {"oid": sha256, "size": len(data), "pointerSize": len(pointer)}}
                data = pointer
            found.append(row | {"oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()})
        return found


class Hub(BaseHTTPRequestHandler):
    """The routes; `repos` is what the Hub holds, `refuse` maps a part of an address to the status that it gets."""

    repos: dict[str, Repo]
    blobs: dict[str, bytes]
    refuse: dict[str, int]
    asked: list[tuple[str, str]]

    def do_GET(self):
        self.dispatch(b"")

    def do_POST(self):
        self.dispatch(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_PUT = do_DELETE = do_POST

    def dispatch(self, body: bytes) -> None:
        path = self.path.split("?")[0]
        self.asked.append((self.command, path))
        for part, status in self.refuse.items():
            if part in path:
                return self.answer(status, {"error": "no"})
        if path.startswith("/blob/"):
            self.blobs[path.removeprefix("/blob/")] = body
            return self.answer(200, {})
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if lfs := re.fullmatch(r"/(?:spaces|datasets)/[\w-]+/[\w-]+\.git/info/lfs/objects/batch", path):
            return self.batch(json.loads(body), lfs)
        if plain := re.fullmatch(r"/datasets/([\w-]+/[\w-]+)/resolve/\w+/(.+)", path):
            repo = self.repos.get(f"datasets/{plain[1]}")
            if repo is None or plain[2] not in repo.files:
                return self.missing("EntryNotFound" if repo else "RepoNotFound")
            return self.file(repo, repo.files[plain[2]])
        route = re.fullmatch(r"/api/(spaces|datasets)/([\w-]+/[\w-]+)(?:/(.+))?", path)
        repo = self.repos.get(f"{route[1]}/{route[2]}") if route else None
        if repo is None:
            return self.missing("RepoNotFound")
        act = (route[3] or "").split("/")[0]
        return getattr(self, f"on_{act}" if act else "on_info")(repo, route[2], body)

    def create(self, sent: dict) -> None:
        kind, name = f"{sent['type']}s", f"{sent['organization']}/{sent['name']}"
        known = f"{kind}/{name}" in self.repos
        if not known:
            repo = self.repos[f"{kind}/{name}"] = Repo(kind, sent.get("visibility") == "private")
            repo.hardware = sent.get("hardware")
            repo.secrets = {one["key"]: one for one in sent.get("secrets", ())}
            repo.variables = {one["key"]: one for one in sent.get("variables", ())}
            repo.sdk = sent.get("sdk")
        url = f"http://{self.headers['Host']}/{kind}/{name}"
        self.answer(409 if known else 200, {"url": url, "name": name, "error": "exists"})

    def batch(self, sent: dict, _) -> None:
        objects = [
            {"oid": one["oid"], "size": one["size"]}
            | ({} if one["oid"] in self.blobs else {"actions": {"upload": {"href": self.address(one["oid"])}}})
            for one in sent["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def address(self, oid: str) -> str:
        return f"http://{self.headers['Host']}/blob/{oid}"

    def on_info(self, repo: Repo, name: str, _) -> None:
        siblings = [{"rfilename": path} for path in repo.files]
        facts = {"id": name, "private": repo.private, "sha": repo.revision, "tags": [], "siblings": siblings}
        self.answer(200, facts)

    on_revision = on_info

    def on_tree(self, repo: Repo, *_) -> None:
        self.answer(200, repo.tree())

    def on_preupload(self, repo: Repo, name: str, body: bytes) -> None:
        files = [
            {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular", "shouldIgnore": False}
            for f in json.loads(body)["files"]
        ]
        self.answer(200, {"files": files})

    def on_commit(self, repo: Repo, name: str, body: bytes) -> None:
        files = dict(repo.files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit", repo.revision) != repo.revision:
                return self.answer(412, {"error": "a commit has happened since"})
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        repo.files, repo.commits = files, repo.commits + 1
        url = f"http://{self.headers['Host']}/{repo.kind}/{name}/commit/{repo.revision}"
        return self.answer(200, {"commitUrl": url, "commitOid": repo.revision, "success": True})

    def on_runtime(self, repo: Repo, *_) -> None:
        stage = repo.stages.pop(0) if len(repo.stages) > 1 else repo.stages[0]
        self.answer(200, self.runtime(repo, stage))

    def runtime(self, repo: Repo, stage: str) -> dict:
        return {"stage": stage, "hardware": {"current": None, "requested": repo.hardware}, "sha": repo.revision}

    def on_hardware(self, repo: Repo, name: str, body: bytes) -> None:
        repo.hardware = json.loads(body)["flavor"]
        self.answer(200, self.runtime(repo, "BUILDING"))

    def on_variables(self, repo: Repo, name: str, body: bytes) -> None:
        if body:
            repo.variables[json.loads(body)["key"]] = json.loads(body)
        self.answer(200, repo.variables)

    def on_secrets(self, repo: Repo, name: str, body: bytes) -> None:
        if body:
            repo.secrets[json.loads(body)["key"]] = json.loads(body)
            return self.answer(200, {})
        # no value is ever given back
        return self.answer(200, {k: {"description": one.get("description")} for k, one in repo.secrets.items()})

    def on_logs(self, repo: Repo, *_) -> None:
        events = "".join(f"data: {json.dumps({'data': line})}\n\n" for line in repo.log)
        self.give(200, events.encode(), {"Content-Type": "text/event-stream"})

    def missing(self, code: str) -> None:
        self.give(404, b"{}", {"X-Error-Code": code, "Content-Type": "application/json"})

    def file(self, repo: Repo, data: bytes) -> None:
        self.give(200, data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": repo.revision})

    def answer(self, status: int, value: object) -> None:
        self.give(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def give(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@contextmanager
def hub() -> Iterator[tuple[type[Hub], str]]:
    """Serve an empty Hub of one's own; gives what it holds, and its address."""

    class Mine(Hub):
        repos, blobs, refuse, asked = {}, {}, {}, []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Mine, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
