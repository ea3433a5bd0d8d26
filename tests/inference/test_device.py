"""ZeroGPU lends its GPU to the calls that judge, and to nothing else; elsewhere nothing is decorated."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# As ZeroGPU's package does: values go to a process apart and back by pickle. Its loans are counted.
FAKE = """
import functools, pickle
loans = []

def GPU(function):
    @functools.wraps(function)
    def lend(*given, **options):
        given = pickle.loads(pickle.dumps(given))
        loans.append(given[1])
        return pickle.loads(pickle.dumps(function(*given, **options)))
    return lend
"""
PROGRAM = """
import json, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bibier.checkpoint import bundle as checkpoint
from bibier.inference import device as accelerator
from bibier.inference.predictor import Predictor, as_json

bundle = checkpoint.load("compact")
plain = Predictor(bundle, None)
made = accelerator.on_zero_gpu(lambda choice: Predictor(bundle, None))
told = {"device": accelerator.device(), "spaces": "spaces" in sys.modules}
predictor = made("none")
seen = (lambda: list(sys.modules["spaces"].loans)) if told["spaces"] else list
told["idle"] = seen()
clip = str(Path(sys.argv[1]) / "examples" / "happy_en.ogg")
ours, theirs = (as_json(p(clip, "what a day")) for p in (predictor, plain))
told["same"] = all(ours[k] == theirs[k] for k in ("audio", "text", "bimodal", "words", "conflict"))
told["busy"] = seen()
print(json.dumps(told))
"""


def run(folder, **environ):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPACE", "BIBIER_"))}
    kept |= {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"} | environ
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT)], env=kept, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_zero_gpu_is_asked_for_judgements_only_and_gives_the_same(tmp_path):
    (tmp_path / "spaces.py").write_text(FAKE)
    process = run(tmp_path, SPACES_ZERO_GPU="true")
    assert process == {"device": "cuda", "spaces": True, "idle": [], "same": True, "busy": ["encode_audio", "classify"]}


def test_elsewhere_the_package_is_not_even_imported(tmp_path):
    (tmp_path / "spaces.py").write_text("raise ImportError")
    assert run(tmp_path) == {"device": "cpu", "spaces": False, "idle": [], "same": True, "busy": []}
