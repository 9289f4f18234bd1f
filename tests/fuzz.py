"""Coverage-guided fuzzing with atheris: `python tests/fuzz.py [seconds] [target ...]`.

Runs each target for its share of the seconds, each in a process of its own, from what is kept in
fuzz_corpus. What breaks a target is in the folder that is named at the end. To run libFuzzer on it,
say to make it short: `python tests/fuzz.py --target NAME -minimize_crash=1 -runs=10000 FILE`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris
from fuzz_tools import MOST, NAMES, folder, target

MINUTES = 10
ONE = "--target"


def main(seconds: int, names: list[str]) -> int:
    work = Path(tempfile.mkdtemp(prefix="corsgate-fuzz-"))
    failed = []
    for name in names:
        found = work / name
        found.mkdir()
        command = [
            *(sys.executable, __file__, ONE, name, str(found), str(folder(name))),
            f"-max_total_time={seconds // len(names)}",
            f"-max_len={MOST}",
            f"-artifact_prefix={work}/{name}-",
            f"-dict={write_dictionary(name, work)}",
            "-timeout=10",  # seconds for one input, after which it has found what takes too long
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        print(f"{name}: {seconds // len(names)} seconds", flush=True)
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace")
        (work / f"{name}.log").write_text(ended.stderr)
        if ended.returncode:
            failed.append(name)
            print(ended.stderr[-4000:])
        print(summary(name, ended.stderr), flush=True)
    if failed:
        print(f"FAILED: {', '.join(failed)}; the inputs are in {work}")
        return 1
    shutil.rmtree(work)
    return 0


def write_dictionary(name: str, work: Path) -> Path:
    path = work / f"{name}.dict"
    escaped = ("".join(f"\\x{byte:02x}" for byte in w.encode("latin-1")) for w in target(name)[1])
    path.write_text("".join(f'"{word}"\n' for word in escaped))
    return path


def summary(name: str, log: str) -> str:
    """Executions, edges of corsgate's code that were reached, and inputs that reach them."""
    runs = re.findall(r"stat::number_of_executed_units: *(\d+)", log) or ["0"]
    status = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log) or [("0", "0", "0")]
    before, (edges, features, kept) = status[0][0], status[-1]
    reached = f"{edges} edges ({before} at first), {features} features, {kept} inputs"
    return f"{name}: {runs[-1]} runs, {reached}"


def fuzz(name: str, arguments: list[str]) -> None:
    with atheris.instrument_imports(include=["corsgate"]):
        import corsgate._denials
        import corsgate._explain
        import corsgate._gate
        import corsgate.browser
        import corsgate.wsgi  # noqa: F401
    run, _ = target(name)
    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [ONE]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        given = sys.argv[1:]
        length = int(given.pop(0)) if given and given[0].isdigit() else MINUTES * 60
        sys.exit(main(length, given or list(NAMES)))
