"""A server on this computer that answers the routes of the Hub which the real client uses to send and fetch a model.

It keeps commits in memory, and can be told to refuse, to be slow, to break off in the middle, or to send wrong bytes.
"""

import base64
import hashlib
import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".safetensors", ".bin", ".parquet")


def git(content: bytes) -> str:
    """Git's own name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Hub:
    """What the server holds and what it was asked."""

    repos: dict = field(
        default_factory=dict
    )  # name → {"private", "commits": {sha: {path: bytes}}, "refs": {name: sha}}
    lfs: dict = field(default_factory=dict)  # sha256 → bytes
    asked: list = field(default_factory=list)
    refuse: int = 0  # status of every write
    broken: int = 0  # uploads that are cut in the middle
    wrong: bool = False  # wrong bytes are given
    down: bool = False  # every answer is 503
    wait: float = 0.0  # s before an answer
    address: str = ""

    def put(self, name: str, files: dict[str, bytes], *, ref: str = "main", private: bool = False) -> str:
        """Commit files over those that are there; returns the commit."""
        repo = self.repos.setdefault(name, {"private": private, "commits": {}, "refs": {}})
        whole = repo["commits"].get(repo["refs"].get(ref, ""), {}) | files
        digest = hashlib.sha1(json.dumps({p: hashlib.sha1(c).hexdigest() for p, c in whole.items()}).encode())
        digest.update(str(len(repo["commits"])).encode())
        repo["commits"][digest.hexdigest()] = whole
        repo["refs"][ref] = digest.hexdigest()
        return digest.hexdigest()

    def files(self, name: str, ref: str = "main") -> dict[str, bytes]:
        repo = self.repos[name]
        return repo["commits"][repo["refs"].get(ref, ref)]


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if not self.begin():
            return
        path, query = unquote(urlsplit(self.path).path), parse_qs(urlsplit(self.path).query)
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(?:/revision/([\w./-]+))?", path):
            self.info(found[1], found[2] or "main", "blobs" in query)
        elif found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/tree/([\w.-]+)/?", path):
            commit = self.commit(found[1], found[2])
            rows = [self.row(p, c) for p, c in self.hub.files(found[1], commit).items()] if commit else None
            self.answer(200, rows) if commit else self.missing("Repo")
        elif found := re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([\w.-]+)/(.+)", path):
            self.file(*found.groups())
        else:
            self.missing("Entry")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.begin(write=True):
            return
        path = urlsplit(self.path).path
        if path == "/api/repos/create":
            sent = json.loads(body)
            name = f"{sent['organization']}/{sent['name']}"
            known = name in self.hub.repos
            private = sent.get("private", sent.get("visibility") == "private")
            if not known:
                self.hub.put(name, {".gitattributes": b""}, private=bool(private))
            self.answer(409 if known else 200, {"url": f"{self.hub.address}/{name}", "name": name})
        elif path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            put = {o["oid"]: {"upload": {"href": f"{self.hub.address}/lfs/{o['oid']}"}} for o in wanted}
            rows = [o | ({} if o["oid"] in self.hub.lfs else {"actions": put[o["oid"]]}) for o in wanted]
            self.answer(200, {"transfer": "basic", "objects": rows})
        elif found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/(preupload|commit|branch)/([\w.%-]+)", path):
            self.write(found[1], found[2], unquote(found[3]), body)
        else:
            self.missing("Entry")

    def do_PUT(self):
        size = int(self.headers["Content-Length"])
        if self.hub.broken:
            self.hub.broken -= 1
            self.rfile.read(size // 2)
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(size)
        if self.begin(write=True):
            self.hub.lfs[self.path.split("/")[-1]] = body
            self.answer(200, {})

    def write(self, name: str, act: str, ref: str, body: bytes) -> None:
        hub = self.hub
        if act == "preupload":
            rows = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if f["path"].endswith(LFS) else "regular",
                    "shouldIgnore": False,
                }
                for f in json.loads(body)["files"]
            ]
            self.answer(200, {"files": rows})
        elif act == "branch":
            hub.repos[name]["refs"].setdefault(ref, hub.repos[name]["refs"]["main"])
            self.answer(200, {})
        else:
            files = {}
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = hub.lfs[value["oid"]]
            oid = hub.put(name, files, ref=ref)
            self.answer(200, {"commitUrl": f"{hub.address}/{name}/commit/{oid}", "commitOid": oid, "success": True})

    def begin(self, write: bool = False) -> bool:
        self.hub.asked.append((self.command, self.path))
        time.sleep(self.hub.wait)
        if self.hub.down:
            self.answer(503, {"error": "down"})
        elif write and self.hub.refuse and not self.path.endswith("/repos/create"):
            self.answer(self.hub.refuse, {"error": "refused"})
        else:
            return True
        return False

    def commit(self, name: str, ref: str) -> str | None:
        repo = self.hub.repos.get(name)
        found = repo and repo["refs"].get(ref, ref)
        return found if repo and found in repo["commits"] else None

    def info(self, name: str, ref: str, blobs: bool) -> None:
        if name not in self.hub.repos:
            return self.missing("Repo")
        if not (sha := self.commit(name, ref)):
            return self.missing("Revision")
        rows = []
        for path, content in self.hub.files(name, sha).items():
            row = {"rfilename": path}
            if blobs:
                row |= {"size": len(content), "blobId": git(content)}
                if path.endswith(LFS):
                    digest = hashlib.sha256(content).hexdigest()
                    row["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            rows.append(row)
        private = self.hub.repos[name]["private"]
        return self.answer(200, {"id": name, "sha": sha, "private": private, "tags": [], "siblings": rows})

    def row(self, path: str, content: bytes) -> dict:
        row = {"type": "file", "path": path, "size": len(content), "oid": git(content)}
        if path.endswith(LFS):
            row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return row

    def file(self, name: str, ref: str, path: str) -> None:
        sha = self.commit(name, ref)
        if not sha:
            return self.missing("Repo" if name not in self.hub.repos else "Revision")
        content = self.hub.files(name, sha).get(path)
        if content is None:
            return self.missing("Entry", {"X-Repo-Commit": sha})
        tag = hashlib.sha256(content).hexdigest() if path.endswith(LFS) else git(content)
        tag = {"ETag": f'"{tag}"', "X-Repo-Commit": sha, "X-Linked-Size": str(len(content))}
        if self.hub.wrong and path.endswith(LFS):
            content = bytes(len(content))
        return self.answer(200, content, tag)

    def missing(self, kind: str, more: dict | None = None) -> None:
        self.answer(404, {"error": f"{kind} not found"}, {"X-Error-Code": f"{kind}NotFound"} | (more or {}))

    def answer(self, status: int, value, headers: dict | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def served(hub: Hub | None = None):
    """Serve a hub; yields it with its address."""
    hub = hub or Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
