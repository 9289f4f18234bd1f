"""The lines between the modules: who imports whom, what loads what, and who writes headers."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import corsgate
from corsgate import _protocol

PACKAGE = Path(corsgate.__file__).parent

# Each may import those before it.
CORE = (
    "corsgate._record",
    "corsgate._protocol",
    "corsgate._log",
    "corsgate.errors",
    "corsgate._problems",
    "corsgate._callables",
    "corsgate._origin",
    "corsgate._match",
    "corsgate._risk",
    "corsgate._settings",
    "corsgate._check",
    "corsgate.policy",
    "corsgate._closed",
    "corsgate._nested",
    "corsgate._decision",
    "corsgate._engine",
    "corsgate._sources",
    "corsgate._gate",
    "corsgate._paths",
    "corsgate._nearest",
    "corsgate._words",
    "corsgate._request",
    "corsgate._reasons",
    "corsgate._gate_reasons",
    "corsgate._explain",
    "corsgate",
    "corsgate._denials",
    "corsgate._refusals",
    "corsgate.wsgi",
    "corsgate._marks",
    "corsgate._report",
    "corsgate._advice",
)
# The browser's half judges the other one, so it shares nothing with it but the words.
BROWSER = (
    "corsgate._protocol",
    "corsgate.browser._url",
    "corsgate.browser._messages",
    "corsgate.browser._safelist",
    "corsgate.browser._engines",
    "corsgate.browser._errors",
    "corsgate.browser._cookies",
    "corsgate.browser._caches",
    "corsgate.browser._request",
    "corsgate.browser._fetch",
    "corsgate.browser._wsgi",
    "corsgate.browser._arguments",
    "corsgate.browser",
    "corsgate.pytest_plugin",
)
# Each may import the core and those before it in its own row.
ADAPTERS = {
    "origins": ("corsgate.origins",),
    "flask": (
        "corsgate._flask_config",
        "corsgate._flask_errors",
        "corsgate._flask_gate",
        "corsgate._flask_routing",
        "corsgate._flask_views",
        "corsgate._flask_sources",
        "corsgate.flask",
        "corsgate._flask_commands",
    ),
    "django": (
        "corsgate.django.conf",
        "corsgate.django.routing",
        "corsgate.django.decorator",
        "corsgate.django.middleware",
        "corsgate.django",
        "corsgate.django.checks",
        "corsgate.django.apps",
        "corsgate.django.management",
        "corsgate.django.management.commands",
        "corsgate.django.management.commands.cors",
    ),
}
# What people run may import all of the package, and nothing imports it.
CLI = (
    "corsgate.cli._print",
    "corsgate.cli._apps",
    "corsgate.cli.explain",
    "corsgate.cli._transport",
    "corsgate.cli._live",
    "corsgate.cli._makes",
    "corsgate.cli._diagnosis",
    "corsgate.cli._warnings",
    "corsgate.cli.probe",
    "corsgate.cli._hostile",
    "corsgate.cli.audit",
    "corsgate.cli._literal",
    "corsgate.cli._compare",
    "corsgate.cli._move",
    "corsgate.cli._move_code",
    "corsgate.cli._move_origins",
    "corsgate.cli._move_resources",
    "corsgate.cli._move_flask_cors",
    "corsgate.cli._twins",
    "corsgate.cli._flask_cors",
    "corsgate.cli._move_wsgicors",
    "corsgate.cli._twins_django",
    "corsgate.cli._move_django",
    "corsgate.cli.migrate",
    "corsgate.demo",
    "corsgate.demo._places",
    "corsgate.demo._situations",
    "corsgate.demo._code",
    "corsgate.demo._runs",
    "corsgate.demo._api",
    "corsgate.demo._drawing",
    "corsgate.demo._consoles",
    "corsgate.demo._verdict",
    "corsgate.demo._site",
    "corsgate.demo._server",
    "corsgate.cli.demo",
    "corsgate.cli",
    "corsgate.__main__",
)
# What looks at the headers of other servers, and so has to name them.
JUDGES = {
    *BROWSER,
    "corsgate.cli._makes",
    "corsgate.cli._diagnosis",
    "corsgate.cli._warnings",
    "corsgate.cli._compare",
    "corsgate.cli._hostile",
    "corsgate.cli.audit",
    "corsgate.cli.probe",
    "corsgate.demo._api",  # has a layer that adds one header too many
    "corsgate.demo._consoles",
    "corsgate.demo._drawing",
    "corsgate.demo._situations",
    "corsgate.demo._verdict",
}
# What may be imported from elsewhere, besides the standard library.
LIBRARIES = {
    "core": {"idna", "publicsuffixlist"},
    "browser": {"publicsuffixlist", "pytest"},
    "flask": {"click", "flask", "werkzeug"},
    "django": {"django", "asgiref"},
    "cli": {"click", "rich", "django", "corsheaders", "flask", "flask_cors"},
    "origins": {"cachetools"},
}
STANDARD = {*sys.stdlib_module_names, "_typeshed"}

# Too slow or too large for an import that is to cost nothing.
NOT_LOADED = {
    "argparse",
    "asgiref",
    "click",
    "cachetools",
    "dataclasses",
    "django",
    "flask",
    "idna",
    "inspect",
    "logging",
    "publicsuffixlist",
    "re",
    "rich",
    "typing",
    "werkzeug",
}

# What makes code of data or runs programs is nowhere; what opens files or connections, and is told
# by data what to import, only in what people run by hand.
NEVER_IMPORTED = set(
    "builtins code codeop ctypes marshal multiprocessing pickle pty runpy shelve subprocess".split()
)
NETWORK = set(
    "asyncio ftplib http imaplib poplib select selectors smtplib socket socketserver ssl telnetlib"
    " urllib.error urllib.request wsgiref.simple_server xmlrpc".split()
)
NEVER_CALLED = {"__import__", "breakpoint", "compile", "eval", "exec", "input"}

RESPONSE_HEADERS = {
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
    "timing-allow-origin",
    "vary",
    "x-corsgate-reason",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PARTS = {"browser": BROWSER, "core": CORE, **ADAPTERS, "cli": CLI}
PART_OF = {module: part for part, row in PARTS.items() for module in row}


def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported_by(module: str) -> Iterator[str]:
    """All that a module imports, also in functions and for types, by absolute names."""
    package = module.split(".")
    if MODULES[module].name != "__init__.py":
        package.pop()
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in MODULES else source


def may_import(module: str) -> set[str]:
    part = PART_OF[module]
    row = PARTS[part]
    before = row[: row.index(module)]
    if part == "cli":
        return {*before, *MODULES.keys() - {*CLI}}
    return {*CORE, *before} if part in ADAPTERS else {*before}


def text_constants(node: ast.AST) -> Iterator[str]:
    """The strings in the code below `node`, but no docstrings."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            if not isinstance(node, ast.Expr):
                yield child.value
        else:
            yield from text_constants(child)


def test_each_module_has_a_place_in_the_order() -> None:
    assert MODULES.keys() == PART_OF.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_upwards_only(module: str) -> None:
    ours = {name for name in imported_by(module) if name.split(".")[0] == "corsgate"}
    assert ours <= may_import(module)


@pytest.mark.parametrize("module", MODULES)
def test_only_an_adapter_knows_its_framework(module: str) -> None:
    tops = {name.split(".")[0] for name in imported_by(module)} - STANDARD - {"corsgate"}
    assert tops <= LIBRARIES[PART_OF[module]]


@pytest.mark.parametrize(
    "module",
    sorted({*MODULES} - {"corsgate._decision", "corsgate._engine", "corsgate._protocol"} - JUDGES),
)
def test_only_the_engine_names_response_headers(module: str) -> None:
    spelled = " ".join(text_constants(parse(module))).lower()
    assert not {name for name in RESPONSE_HEADERS - {"vary"} if name in spelled}
    assert "Vary" not in text_constants(parse(module))

    constants = {
        name for name, value in vars(_protocol).items() if str(value).lower() in RESPONSE_HEADERS
    } | {"RESPONSE_HEADERS"}
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.name
        for node in ast.walk(parse(module))
        if isinstance(node, (ast.Attribute, ast.alias))
    }
    assert not used & constants


def outside(module: str) -> set[str]:
    """What a module imports from elsewhere: `urllib.request` is that, and `urllib` too."""
    found = set()
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = (name.split(".") for name in found)
    return {".".join(row[:length]) for row in parts for length in range(1, len(row) + 1)}


def calls(module: str) -> Iterator[tuple[str, list[ast.expr]]]:
    """What a module calls: a plain name, or the last one of `a.b.c()`; and the arguments."""
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.args
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield f".{node.func.attr}", node.args


@pytest.mark.parametrize("module", MODULES)
def test_no_module_makes_code_of_data_or_runs_programs(module: str) -> None:
    assert not outside(module) & NEVER_IMPORTED
    assert not {name for name, _ in calls(module)} & {*NEVER_CALLED, ".system", ".popen"}


def test_only_the_commands_use_the_network() -> None:
    assert {name for name in MODULES if outside(name) & NETWORK} == {
        "corsgate.cli._transport",
        "corsgate.demo._server",
    }


@pytest.mark.parametrize("module", sorted({*MODULES} - {*CLI}))
def test_only_the_commands_open_files_or_import_what_they_are_told(module: str) -> None:
    found = list(calls(module))
    assert not {name for name, _ in found} & {"open", ".open", ".read_text", ".write_text"}
    told = [arguments[0] for name, arguments in found if name.endswith("import_module")]
    assert all(isinstance(argument, ast.Constant) for argument in told)


SERVES = """
import io, logging, re, sys
from corsgate import Policy, check, decide, explain
from corsgate.wsgi import CORSMiddleware

logging.basicConfig(stream=io.StringIO(), level="INFO")

def app(environ, start_response):
    start_response("200 OK", [("Vary", "Cookie"), ("Access-Control-Allow-Origin", "*")])
    return [b""]

given = dict(
    allow_origins=["https://app.example.com", "https://*.example.org", re.compile(r"https://a[0-9]\\.example\\.net")],
    allow_credentials=True, allow_headers="*", gate="enforce", dangerously_allow=["null-origin"],
)
policy = Policy(**given)
shared = CORSMiddleware(app, **given, paths={"/open/*": {"gate": "off"}, "/none": None})
wordy = CORSMiddleware(app, **given, debug=True, on_denied=print)
hosts = "app.example.com x.example.org a1.example.net evil.example localhost:80".split()
requests = [
    dict(REQUEST_METHOD=method, PATH_INFO=path, HTTP_ORIGIN=origin, **more)
    for method in ("GET", "POST", "OPTIONS")
    for path in ("/", "/open/x", "/none", "/\\xff%00")
    for origin in [*(f"https://{host}" for host in hosts), "null", "", "\\x00", "x" * 999]
    for more in ({}, {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}, {"HTTP_UPGRADE": "websocket"})
]

def serve():
    sys.stdout = io.StringIO()
    for environ in requests:
        for wrapper in (shared, wordy):
            list(wrapper(environ, lambda *_: None))
        explain(policy, environ)
        check(policy, environ)
    sys.stdout = sys.__stdout__

serve()  # what is loaded when it is first needed
seen = set()
sys.addaudithook(lambda event, arguments: seen.add(event))
serve()
print(*sorted(seen))
"""


def test_what_serves_opens_nothing_and_runs_nothing() -> None:
    # Python's audit events: `open`, `import`, `compile`, `exec`, `socket.connect` and the like.
    command = [sys.executable, "-P", "-c", SERVES]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    seen = {*done.stdout.split()}
    assert "sys._getframe" in seen  # `logging` looks for its caller
    harmless = {"builtins.id", "object.__getattr__", "object.__setattr__", "sys._getframe"}
    assert seen - harmless == set()


def loaded(statement: str) -> set[str]:
    """The modules of a fresh process that has run `statement`, and their top-level names."""
    # Without the site module, since files in site-packages may import anything at start-up.
    script = f"import sys; sys.path.append(sys.argv[1]); {statement}; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", script, str(PACKAGE.parent)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {part for name in shown.split() for part in (name, name.split(".")[0])}


@pytest.mark.parametrize("module", ["corsgate", "corsgate.wsgi"])
def test_importing_the_core_loads_no_framework_and_nothing_slow(module: str) -> None:
    assert not loaded("pass") & NOT_LOADED
    assert not loaded(f"import {module}") & NOT_LOADED


def test_what_explains_is_loaded_when_it_is_asked_for() -> None:
    assert "corsgate._explain" not in loaded("import corsgate.wsgi")
    assert "corsgate._explain" in loaded("from corsgate import explain")


def test_the_plugin_loads_no_browser_before_it_is_asked_for_one() -> None:
    script = "import sys, corsgate.pytest_plugin; print('corsgate.browser' in sys.modules)"
    command = [sys.executable, "-P", "-c", script]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown == "False\n"


def test_what_is_public_is_in_all_and_nothing_else() -> None:
    public = {
        name
        for name, value in vars(corsgate).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    # Loaded when it is asked for.
    assert public | {"check", "explain"} == set(corsgate.__all__)
    assert list(corsgate.__all__) == sorted(corsgate.__all__)


def undocumented(node: ast.Module | ast.ClassDef, place: str) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = f"{place}.{child.name}"
            if child.name.startswith("_"):
                continue
            if ast.get_docstring(child) is None:
                yield inner
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, inner)


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_is_documented(module: str) -> None:
    assert ast.get_docstring(parse(module))
    if not any(part.startswith("_") for part in module.split(".")):
        assert not list(undocumented(parse(module), module))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_grows_out_of_sight(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) < 400
