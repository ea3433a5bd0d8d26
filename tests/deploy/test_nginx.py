"""The example for nginx in docs/deploying.md: its bounds are the server's, and nginx takes it where it is at hand."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bibier.security import request_bodies, request_headers
from bibier.security.middleware import LARGEST
from bibier.security.rate_limits import SLACK, UPLOAD

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
UNITS = {"k": 1024, "m": 1024**2}


def example() -> str:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    block = re.search(r"^    limit_conn_zone(?:.*\n)(?:(?:    .*)?\n)+", text, re.M)
    return re.sub(r"^ {4}", "", block[0], flags=re.M).split("\n\n\n")[0]


def directives(text: str) -> dict[str, list[str]]:
    """Return each directive's values, comments left out, those of a location under `location name`."""
    found: dict[str, list[str]] = {}
    place = ""
    for line in re.sub(r"#.*", "", text).splitlines():
        if opened := re.match(r"\s*location\s+(.+?)\s*\{", line):
            place = f"location {opened[1]} "
        elif line.strip() == "}":
            place = ""
        elif value := re.match(r"\s*(\w+)\s+(.+);", line):
            found.setdefault(place + value[1], []).append(value[2].strip())
    return found


def in_bytes(size: str) -> int:
    return int(size[:-1]) * UNITS[size[-1]]


def test_its_bounds_are_those_of_the_server():
    lines = directives(example())
    assert in_bytes(lines["client_max_body_size"][0]) >= request_bodies.BODY_LIMIT
    assert in_bytes(lines["location = /login client_max_body_size"][0]) >= request_bodies.LOGIN_LIMIT
    assert in_bytes(lines[f"location = {UPLOAD} client_max_body_size"][0]) >= LARGEST * 10**6 + SLACK
    assert lines[f"location = {UPLOAD} proxy_request_buffering"] == ["off"]  # else nginx keeps what we would refuse
    assert in_bytes(lines["large_client_header_buffers"][0].split()[1]) >= request_headers.LONGEST
    headers = dict(value.split(None, 1) for value in lines["proxy_set_header"])
    assert headers == {"Host": "$host", "X-Forwarded-For": "$remote_addr", "X-Forwarded-Proto": "$scheme"}
    assert lines["proxy_buffering"] == ["off"]
    passed = [values for name, values in lines.items() if name.endswith("proxy_pass")]
    assert passed and {value for values in passed for value in values} == {"http://127.0.0.1:7860"}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_takes_it(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([*made, "-subj", "/CN=emotions.example.org", "-days", "2"], check=True, capture_output=True)
    server = example().replace("/etc/ssl/emotions.pem", str(certificate)).replace("/etc/ssl/emotions.key", str(key))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    head = f"error_log {tmp_path}/e.log; pid {tmp_path}/p; events {{}}"
    (tmp_path / "nginx.conf").write_text(f"{head} http {{ access_log off; {folders} {server} }}")
    checked = subprocess.run([NGINX, "-t", "-p", tmp_path, "-c", "nginx.conf"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
