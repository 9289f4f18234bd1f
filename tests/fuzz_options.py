"""Fuzz target: a configuration; what is not refused with a `PolicyError` has to work.

paths                          what is made: see `make`
allow_origins l s null|s a.b   options: name, kind and value
max_age i 600
@ /api/*                       begins the options of a path
allow_credentials b 1
"""

import pickle
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from fuzz_requests import allows, is_plain
from fuzz_tools import within

from corsgate import Policy, PolicyError, decide
from corsgate._decision import answer_preflight
from corsgate._engine import write_headers
from corsgate.errors import CODES
from corsgate.wsgi import CORSMiddleware

WORDS = """
    policy settings replace paths null * https:// http:// tauri:// app.example.com *.example.com
    https://a.b https://*.a.b https://pr-*.a.b http://localhost:* https://*.github.io :* :443 :80
    :0 https://[::1] [ ] { } ( ) ^ $ .* \\. \\d [a-z]+ | xn-- xn--bcher-kva .. @ / /* # ? % %2F
    /api/* /x <id> {id} :id GET patch * Authorization Set-Cookie x-a Sec-Fetch , , 600 -1 1e9 nan
    True yes off 1 enforce report insecure-origin public-suffix null-origin CORS_ origins
    supports_credentials CORS_ORIGIN_WHITELIST CORS_ALLOW_PRIVATE_NETWORK allow_origin
    allow_origins allow_methods allow_headers expose_headers allow_credentials max_age allow_timing
    preflight_status gate write_origins own_origins dangerously_allow
""".split()
WORDS += [f" {kind} " for kind in "sifbntldyrcogpe"]
WORDS += ["\n", "\n@ ", "|s ", "|r ", "\t", "\r", "\0", "\x1b[31m", "\xe9", "\xfc.example", "\xff"]
# What it takes to judge a configuration: a regular expression is tried on many an origin.
LINES, LINES_FOR_EACH = 50_000, 100


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class Odd:
    """Takes no arguments, and is like nothing else."""

    def __call__(self) -> None: ...


async def coroutine(origin: str, environ: Mapping[str, Any]) -> bool:
    return True


CALLABLES: list[Any] = [
    lambda origin, environ: True,
    lambda environ: None,
    lambda environ: Policy(allow_origins="*"),
    coroutine,
    Odd(),
    Odd,
    len,
    str.lower,
    bool,
]

# ------------------------------------------------------------------ what an input says


def value_of(kind: str, text: str) -> Any:
    """A value of any type that somebody may write; text for a kind that there is not."""
    number = int(text) if re.fullmatch("-?[0-9]{1,9}", text) else 0
    match kind:
        case "i":
            return number
        case "e":
            return 10 ** min(abs(number), 20_000) * (-1 if number < 0 else 1)
        case "f":
            return float(text) if re.fullmatch("-?([0-9]{1,9}|nan|inf)", text) else 0.5
        case "b":
            return bool(text)
        case "n":
            return None
        case "t":
            return timedelta(days=number / 100) if abs(number) < 10**9 else timedelta.max
        case "l":
            return [value_of(*_split(part)) for part in text.split("|")]
        case "d":
            return dict.fromkeys(text.split("|"), "GET")
        case "g":
            return iter(text.split("|"))
        case "y":
            return text.encode("latin-1")
        case "r":
            return _regex(text)
        case "c":
            return CALLABLES[number % len(CALLABLES)]
        case "o":
            return object()
        case "p":
            return Policy(allow_origins=["https://a.b"], gate="enforce" if text else "off")
        case _:
            return text


def _split(line: str) -> tuple[str, str]:
    kind, _, text = line.partition(" ")
    return kind, text


def _regex(text: str) -> object:
    # Users' own expressions may take as long as they like, and so they are kept simple here.
    if sum(map(text.count, "*+?{")) > 3 or "{" in text:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return text.encode("latin-1")


def read(data: bytes) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The word that says what is made, the options, and those of paths."""
    first, *lines = data.decode("latin-1").split("\n")
    options: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    current = options
    for line in lines:
        name, _, rest = line.partition(" ")
        if name == "@":
            pattern, _, rest = rest.partition("  ")
            current = {}
            paths[pattern] = value_of(*_split(rest)) if rest else current
        elif name:
            current[name] = value_of(*_split(rest))
    return first, options, paths


def make(kind: str, options: dict[str, Any], paths: dict[str, Any]) -> Policy | CORSMiddleware:
    match kind:
        case "settings":
            return Policy.from_mapping(options)
        case "replace":
            return Policy(allow_origins="https://a.b", allow_credentials=True).replace(**options)
        case "paths":
            # All other names are options.
            policy = {"policy": options.pop("policy")} if "policy" in options else {}
            return CORSMiddleware(app, paths=options.pop("paths", paths), **policy, **options)
        case _:
            return Policy(**options)


def run(data: bytes) -> None:
    kind, options, paths = read(data)
    call: Callable[[], Policy | CORSMiddleware] = lambda: make(kind, options, paths)  # noqa: E731
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a key that is not known, a nested set
            made = within(LINES + LINES_FOR_EACH * len(data), call) if len(data) > 200 else call()
    except PolicyError as error:
        judge_problems(error)
    else:
        if isinstance(made, Policy):
            judge_policy(made)
        else:
            for path in ("/", "/api/x", *(path for path in paths if path.startswith("/"))):
                judge_answer(made, path.removesuffix("/*"))


# ------------------------------------------------------------------ what is right


def judge_problems(error: PolicyError) -> None:
    assert error.problems
    assert str(error).isprintable() or len(error.problems) > 1
    for problem in error.problems:
        assert problem.code in CODES
        assert problem.field
        assert problem.message.endswith(".")
        assert problem.hint.endswith((".", "?")), problem.hint
        assert str(problem).isprintable(), str(problem)


FOREIGN = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "https://evilexample.com",
    "https://a.b.evil.example",
    "https://a.b:8443",
    "http://localhost:1",
    "https://x.github.io",
    "null",
    "https://a",
    "",
]


def judge_policy(policy: Policy) -> None:
    assert Policy(**policy.to_dict()) == policy == policy.replace()
    assert hash(policy.replace()) == hash(policy)
    assert repr(policy).isprintable()
    entries = [*policy.allow_origins, *(policy.write_origins or ())]
    if all(isinstance(entry, str) for entry in entries):
        assert pickle.loads(pickle.dumps(policy)) == policy
    assert not (policy.allow_credentials and "*" in policy.allow_origins)
    texts = [entry for entry in policy.allow_origins if isinstance(entry, str)]
    judged = [entry for entry in policy.allow_origins if not callable(entry)]
    named = [text.replace("*", "x1") for text in texts if not text.endswith(":*") and text != "*"]
    for origin in [*FOREIGN, *named]:
        environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}
        decision = decide(policy, environ)
        if len(judged) == len(policy.allow_origins):
            assert decision.allowed is allows(policy, environ), (policy, origin)
        assert decision.allowed or origin not in named
        check_lines(write_headers([], decision))
        asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
        preflight = decide(policy, {**environ, **asked, "REQUEST_METHOD": "OPTIONS"})
        check_lines(answer_preflight(preflight)[1])
        assert preflight.allowed is decision.allowed


def judge_answer(front: CORSMiddleware, path: str) -> None:
    started: list[list[tuple[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        started.append(headers)

    info = path.encode("utf-8", "replace").decode("latin-1")
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": info, "HTTP_ORIGIN": "https://a.b"}
    list(front(environ, start_response))
    [headers] = started
    check_lines(headers)


def check_lines(headers: list[tuple[str, str]]) -> None:
    assert all(is_plain(name + value) for name, value in headers), headers
    names = [name.lower() for name, _ in headers]
    assert len(set(names)) == len(names), headers
