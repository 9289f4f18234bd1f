"""Mutation testing: would the tests notice if a module that judges requests were wrong?

    tox run -e mutants                      # all mutants, and the score
    tox run -e mutants -- _match.py         # those of some modules
    tox run -e mutants -- --sample 40       # a few, always the same, as CI does

The mutants are mutmut's, each one small change of the source. Its own runner puts functions in
wrappers, which the tests that count steps see, and leaves out what stands outside of functions. So
here each mutant is imported instead, in a fork of a process that has imported all but corsgate.
tests/mutants.txt explains those that no test can notice; any other that survives is an error.
"""

import argparse
import ast
import gc
import hashlib
import importlib
import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType

import pytest

TESTS = Path(__file__).parent
EXPLAINED = TESTS / "mutants.txt"
JOBS = 2
SECONDS = 90  # of CPU time, for one file of tests

# Module -> the files of its tests, in their order: what one does not notice the next one may.
MODULES = {
    "_match.py": "test_callables test_sources test_match test_origin",
    "_paths.py": "test_paths test_reconfigure",
    "policy.py": "test_policy test_check test_errors test_settings test_gate test_risk test_engine",
    "_decision.py": "test_decision test_denials test_engine",
    "_engine.py": "test_engine test_cases test_match test_wsgi",
}


@dataclass(frozen=True)
class Mutant:
    """`name`: module, function and changed lines, which stay when lines move."""

    module: str
    name: str
    source: str


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    import libcst
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
    from mutmut.mutation.file_mutation import MutationVisitor
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    wrapper = MetadataWrapper(libcst.parse_module(source))
    spans = wrapper.resolve(ByteSpanPositionProvider)
    positions = wrapper.resolve(PositionProvider)
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    tree, text = ast.parse(source), source.encode()
    seen: Counter[str] = Counter()
    for mutation in visitor.mutations:
        node = mutation.original_node
        where = place(tree, positions[node].start.line)
        if where is None:
            continue
        new = wrapper.module.code_for_node(mutation.mutated_node).encode()
        end = spans[node].start + spans[node].length
        mutated = (text[: spans[node].start] + new + text[end:]).decode()
        name = "\n".join([f"{module} {where}".rstrip(), *changes(source, mutated)])
        seen[name] += 1
        if seen[name] > 1:  # the same line once more in that function
            name = name.replace("\n", f" #{seen[name]}\n", 1)
        yield Mutant(module, name, mutated)


def place(tree: ast.Module | ast.ClassDef | ast.FunctionDef, line: int) -> str | None:
    """`Class.function` around a line; "" outside of all; None for what type checkers alone see."""
    for node in tree.body:
        if node.lineno <= line <= (node.end_lineno or 0):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                return f"{node.name}.{place(node, line)}".rstrip(".")
            if "TYPE_CHECKING" in ast.unparse(node).partition("\n")[0]:
                return None
    return ""


def changes(old: str, new: str) -> list[str]:
    """The lines that differ, whatever their indentation: "- was", "+ is"."""
    was, now = ([" ".join(line.split()) for line in text.splitlines()] for text in (old, new))
    for end in (0, -1):
        while was and now and was[end] == now[end]:
            del was[end], now[end]
    return [*(f"- {line}" for line in was), *(f"+ {line}" for line in now)]


def read_explained() -> set[str]:
    """The names in tests/mutants.txt: blocks of the lines of a name, and after "= " the reason."""
    blocks = EXPLAINED.read_text().strip().split("\n\n")[1:]  # the first says what the file is
    parts = [block.partition("\n= ") for block in blocks]
    assert all(why for _, _, why in parts), f"{EXPLAINED.name}: a reason is missing"
    return {name for name, _, _ in parts}


def prepare() -> None:
    """Do what the forks would each have to do."""
    os.nice(10)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode, sys.pycache_prefix = False, tempfile.mkdtemp()
    for name in ("asyncio", "cachetools", "idna", "publicsuffixlist", "wsgiref.validate"):
        importlib.import_module(name)
    pytest.main(["--version"])  # imports its own plugins
    gc.collect()
    gc.freeze()


class StopAtFailure:
    """As `-x`, but at once."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(1)


def start(path: Path, source: str, test: str) -> int:
    """Run a file of tests on the module as `source` has it, in a process of its own."""
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    # A mutant may loop, wait or grow for ever.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    signal.alarm(20 * SECONDS)
    get_code = SourceFileLoader.get_code

    def get_mutated(loader: SourceFileLoader, name: str) -> CodeType | None:
        if name != f"corsgate.{path.stem}":
            return get_code(loader, name)
        return compile(source, path, "exec", dont_inherit=True)

    status = 1
    try:
        pytest.MonkeyPatch().setattr(SourceFileLoader, "get_code", get_mutated)
        arguments = ["-q", "--assert=plain", "-p", "no:cacheprovider", str(TESTS / f"{test}.py")]
        status = int(pytest.main(arguments, plugins=[StopAtFailure()]))
    finally:
        os._exit(status)


def survivors(work: Sequence[tuple[Mutant, str]], folder: Path) -> Iterator[Mutant]:
    """Those that pass all files of tests named beside them."""
    waiting = [(mutant, tests.split()) for mutant, tests in reversed(work)]
    running: dict[int, tuple[Mutant, list[str]]] = {}
    while waiting or running:
        while waiting and len(running) < JOBS:
            mutant, (test, *tests) = waiting.pop()
            running[start(folder / mutant.module, mutant.source, test)] = mutant, tests
        pid, status = os.wait()
        mutant, tests = running.pop(pid)
        if status == 0 and tests:
            waiting.append((mutant, tests))
        elif status == 0:
            yield mutant


def report(chosen: Sequence[Mutant], found: set[str], known: Container[str]) -> None:
    for title in (*MODULES, ""):
        names = [mutant.name for mutant in chosen if mutant.name.startswith(title)]
        if not names:
            continue
        left = found.intersection(names)
        explained = sum(name in known for name in left)
        killed = len(names) - len(left)
        score = killed / (len(names) - explained or 1)
        counts = f"{len(names):5} mutants{killed:6} killed{explained:4} explained"
        print(f"{title or 'all':13}{counts}{len(left) - explained:4} survive{score:9.1%}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation testing of corsgate.")
    parser.add_argument("modules", nargs="*", default=[*MODULES], help="default: all of them")
    parser.add_argument("--sample", type=int, help="how many mutants to test; default: all")
    options = parser.parse_args()
    prepare()
    spec = find_spec("corsgate")  # the installed one; this does not import it
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    sources = {module: (folder / module).read_text() for module in options.modules}
    mutants = [each for module in sources for each in mutants_of(module, sources[module])]
    known = {name for name in read_explained() if name.split(maxsplit=1)[0] in sources}
    chosen = mutants
    if options.sample:
        chosen = [mutant for mutant in mutants if mutant.name not in known]
        chosen.sort(key=lambda mutant: hashlib.sha256(mutant.name.encode()).digest())
        del chosen[options.sample :]
    # What nobody has changed passes, or none of the rest says anything.
    modules = {test: module for module in sources for test in MODULES[module].split()}
    unchanged = [(Mutant(modules[test], test, sources[modules[test]]), test) for test in modules]
    if failing := modules.keys() - {mutant.name for mutant in survivors(unchanged, folder)}:
        print("Without any mutant these fail:", *failing)
        return 1
    found: set[str] = set()
    for mutant in survivors([(mutant, MODULES[mutant.module]) for mutant in chosen], folder):
        found.add(mutant.name)
        if mutant.name not in known:
            print(f"\n{mutant.name}\n= ?", flush=True)
    unknown = known - {mutant.name for mutant in mutants}
    noticed = known & {mutant.name for mutant in chosen} - found
    for what, names in ("There is no such mutant", unknown), ("The tests notice it", noticed):
        print(*(f"\n{what}, so take it out of {EXPLAINED.name}:\n{name}" for name in names))
    report(chosen, found, known)
    return 1 if unknown or noticed or found - known else 0


if __name__ == "__main__":
    sys.exit(main())
