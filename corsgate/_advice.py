"""What a check finds beyond the problems of policies: the project around them, and old friends."""

from __future__ import annotations

from ._marks import class_of, handlers_of, mark_of
from ._nested import NotGiven
from ._origin import split_pattern
from ._protocol import ALLOW_PREFIX
from ._risk import is_loopback, registrable
from ._sources import find_idle
from .errors import Problem
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from types import CellType

    from ._marks import Mark, ViewPolicies
    from ._nested import Source
    from ._paths import PathRules

    # Where a policy stands, and the policy.
    Place = tuple[str, Policy]

# As errors.CODES: stable code -> what is wrong, and what to do.
CHECKS = {
    # The gate or the middleware.
    "gate-missing": (
        "It has no CORSGate, so no answer has CORS headers{what}.",
        "Write CORSGate(app).",
    ),
    "gate-replaced": (
        "It has been replaced since CORSGate(app), and the gate is not in it any more.",
        "Wrap what is there: app.wsgi_app = Layer(app.wsgi_app).",
    ),
    "gate-order": (
        "{what} is around CORSGate, and what it answers by itself has no CORS headers.",
        "Put it on app.wsgi_app before CORSGate(app).",
    ),
    "settings-changed": ("{what}", "Configure first, then give CORSGate the application."),
    "middleware-missing": (
        "It lacks {value}, so no answer has CORS headers{what}.",
        "Put it first.",
    ),
    "middleware-twice": ("{value} is there twice.", "Keep the first."),
    "middleware-order": (
        "{what} can answer before {value} is asked, and that answer has no CORS headers.",
        "Put {value} first.",
    ),
    "settings-unreadable": ("They cannot be read: {what}", "Fix that first."),
    "urlconf-unreadable": (
        "It does not load, so no view was looked at: {what}",
        "Fix that first.",
    ),
    # Other layers.
    "other-cors": (
        "{what} sets CORS headers too, and corsgate takes them out.",
        "Keep one of the two.",
    ),
    "mark-hidden": (
        "Its @cors(...) is hidden from routing by another decorator, so it has another policy.",
        "{fix}",
    ),
    "gate-not-inherited": (
        (
            "It has a policy of its own without a gate, so the gate={fix} around it does not hold"
            " there."
        ),
        (
            "Write gate={fix} in it; or give options instead of a Policy, which inherit the gate,"
            ' and where gate="off" says that it is meant.'
        ),
    ),
    "gate-nowhere": (
        "Only the gate reads it, and no gate is on anywhere.",
        'Write gate="report", and later "enforce"; or leave it out.',
    ),
    # Policies, in the project that they are in.
    "nothing-allowed": (
        "No origin is allowed anywhere, so no page of another origin can read an answer.",
        "Name the origins of your pages here.",
    ),
    "loopback-origin": (
        "{what} {fix}: for a visitor that is whatever program runs on their own computer.",
        "Leave such addresses out where debug mode is off.",
    ),
    "http-origin": (
        "Whoever is on the network can change a page that comes over http: {what}.",
        "Write https://, or accept it with dangerously_allow=['insecure-origin'].",
    ),
    "cookie-same-site": (
        "{fix} keeps the session cookie off requests from another site: {what}.",
        "Write 'None' there, and True for SESSION_COOKIE_SECURE; or set allow_credentials=False.",
    ),
    "cookie-not-secure": (
        "It is off, and browsers throw away a cookie with SameSite=None that is not Secure.",
        "Write True.",
    ),
    "cookie-site-unknown": (
        (
            "With {fix} browsers send the session cookie within one site only, and whether these"
            " pages are on the site of this server is not known: {what}."
        ),
        "If one is not, write 'None' there, and True for SESSION_COOKIE_SECURE.",
    ),
    "any-host": (
        (
            "A stranger's page comes to this server under a name of its own (DNS rebinding), and"
            " then the gate takes it for this site."
        ),
        "Name your hosts here; at least give the gate own_origins, which stop its writes.",
    ),
    "csrf-origin": (
        (
            "CsrfViewMiddleware answers 403 to POST, PUT, PATCH and DELETE from an origin that is"
            " not listed here, and these may send credentials: {what}."
        ),
        "Write CSRF_TRUSTED_ORIGINS = {fix}.",
    ),
}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What may be as it should: told, but not counted.
NOTES = frozenset({"cookie-site-unknown", "gate-not-inherited"})


def finding(code: str, field: str, value: object = "", *, what: str = "", fix: str = "") -> Problem:
    """What a check has found, in the words of `CHECKS`."""
    message, hint = (text.format(value=repr(value), what=what, fix=fix) for text in CHECKS[code])
    return Problem(code=code, field=field, value=value, message=message, hint=hint)


def conclude(
    problems: Iterable[Problem], routes: int, spell: Callable[[Problem], str] = str
) -> tuple[str, int]:
    """All that was found, a line each, and the exit status of a command that says so."""
    lines: list[str] = []
    count = 0
    for found in problems:
        is_note = found.code in NOTES
        count += not is_note
        lines.append(f"note: {spell(found)}" if is_note else spell(found))
    total = f"{count} problem{'s' if count != 1 else ''} found."
    checked = f"{routes} route{'s' if routes != 1 else ''} checked, no problem found."
    return "\n".join([*lines, total if count else checked]), 1 if count else 0


def listed(names: Iterable[object]) -> str:
    """Some names for a sentence, and how many more there are."""
    texts = [repr(name) for name in names]
    more = [f"{len(texts) - 3} more"] if len(texts) > 4 else []
    *rest, last = [*texts[:3], *more] if more else texts
    return f"{', '.join(rest)} and {last}" if rest else last


# ------------------------------------------------------------------ policies


def places_of(
    rules: PathRules, views: Mapping[str, ViewPolicies], application: str, paths: str
) -> list[Place]:
    """All policies of an application that are known before a request, and where they stand.

    :param views: the name of a view -> its policies.
    :param application: what `allow_origins` is called where it is meant for all paths.
    :param paths: what `paths` is called.
    """
    sources = [
        (application, rules.application),
        *((f"{paths}[{path!r}]", source) for path, source in rules.patterns().items()),
        *((name, source) for name, view in views.items() for source in view.sources()),
    ]
    return [(place, source) for place, source in sources if isinstance(source, Policy)]


def check_use(rules: PathRules, views: Iterable[ViewPolicies], application: str) -> list[Problem]:
    """Whether any origin is allowed, or may be, and whether options of the gate have one."""
    sources = [*rules.sources(), *(source for view in views for source in view.sources())]
    found = [finding("gate-nowhere", name) for name in find_idle(sources)]
    # Where a gate is on, nothing need be allowed.
    if all(
        isinstance(source, NotGiven)
        or (isinstance(source, Policy) and not source.allow_origins and source.gate == "off")
        for source in sources
    ):
        found.append(finding("nothing-allowed", application))
    return found


def check_gates(application: Source, alone: Iterable[Place]) -> list[Problem]:
    """The policies that stand alone under a gate, and have none: that is seldom what was meant.

    :param alone: policies that were given as such, which inherit nothing, and where they hold.
    """
    if not isinstance(application, Policy) or application.gate == "off":
        return []
    found: dict[int, tuple[Policy, dict[str, None]]] = {}
    for place, policy in alone:
        if policy.gate == "off":
            found.setdefault(id(policy), (policy, {}))[1][place] = None
    fix = f'"{application.gate}"'
    return [
        finding("gate-not-inherited", _some([*places]), policy, fix=fix)
        for policy, places in found.values()
    ]


def _some(places: list[str]) -> str:
    """The first of them, and how many more there are."""
    return f"{places[0]} and {len(places) - 1} more" if len(places) > 1 else places[0]


def check_deployed(places: Sequence[Place]) -> list[Problem]:
    """Origins that have no business on a server; each is told where it comes first."""
    found: list[Problem] = []
    told: set[str] = set()
    for place, policy in places:
        texts = [text for text in _texts(policy) if text not in told]
        told.update(texts)
        loopback = [text for text in texts if is_loopback(text)]
        insecure = [text for text in texts if text.startswith("http://") and text not in loopback]
        if loopback:
            what, many = listed(loopback), len(loopback) > 1
            fix = "are development addresses" if many else "is a development address"
            found.append(finding("loopback-origin", place, loopback, what=what, fix=fix))
        if insecure and "insecure-origin" not in policy.dangerously_allow:
            found.append(finding("http-origin", place, insecure, what=listed(insecure)))
    return found


def check_cookies(
    places: Sequence[Place], same_site: object, secure: object, hosts: Collection[str]
) -> list[Problem]:
    """Whether the session cookie goes with the requests of the origins that may send it.

    :param hosts: the names of this very server, as far as they are known.
    """
    sites = {_site(host) for host in hosts}
    origins = {
        text: _site_of(text)
        for _, policy in places
        if policy.allow_credentials
        for text in (*_texts(policy), *({"null"} & {*policy.allow_origins}))
    }
    foreign = sorted(text for text, site in origins.items() if site not in sites)
    remote = [text for text in foreign if text == "null" or not is_loopback(text)]
    if str(same_site).lower() == "none" and same_site is not None:
        if foreign and not secure:
            return [finding("cookie-not-secure", "SESSION_COOKIE_SECURE", secure)]
        return []
    if not (foreign if sites else remote):
        return []
    return [
        finding(
            "cookie-same-site" if sites else "cookie-site-unknown",
            "SESSION_COOKIE_SAMESITE",
            same_site,
            what=listed(foreign if sites else remote),
            fix=repr(same_site) if same_site else f"{same_site}, which Chrome takes for 'Lax',",
        )
    ]


def unsafe_with_credentials(places: Iterable[Place]) -> set[str]:
    """The origins that may send credentials with a method that changes something."""
    return {
        text
        for _, policy in places
        if policy.allow_credentials and not _SAFE_METHODS.issuperset(policy.allow_methods)
        for text in _texts(policy)
        if _may_write(policy, text)
    }


def _may_write(policy: Policy, text: str) -> bool:
    """Whether the gate lets an entry of `allow_origins` write, as far as texts tell."""
    if policy.gate != "enforce" or policy.write_origins is None:
        return True
    is_text = all(isinstance(entry, str) and "*" not in entry for entry in policy.write_origins)
    return not is_text or text in policy.write_origins


def _texts(policy: Policy) -> list[str]:
    """The origins and patterns of a policy that are known by their text."""
    return [
        entry
        for entry in policy.allow_origins
        if isinstance(entry, str) and entry not in ("*", "null")
    ]


def _site_of(entry: str) -> str:
    scheme, label, parent, _ = split_pattern(entry)
    host = parent.removeprefix(".") if "*" in label else label + parent
    return _site(host) if scheme in ("http", "https") else entry


def _site(host: str) -> str:
    """HTML, "site": what a cookie with SameSite may not leave."""
    host = host.removesuffix(".")
    is_address = host.startswith("[") or not host.strip("0123456789.")
    return host if is_address else registrable(host)


# ------------------------------------------------------------------ marks and other layers


def hides_mark(view: object, known: Collection[Mark], end: object = None) -> bool:
    """Whether there is a mark somewhere in a view, or in its module in its place, for nothing."""
    starts = [view, *(handler for _, handler in handlers_of(view)), _in_module(view)]
    inside = [target for start in starts for target in within(start, end)]
    marks = map(mark_of, [*inside, *map(class_of, inside)])
    return any(mark is not None and mark not in known for mark in marks)


def _in_module(view: object) -> object:
    """What a module has under the name of a view: the whole of it, with what is above a route."""
    space: Mapping[str, object] = getattr(view, "__globals__", {})
    return space.get(getattr(view, "__name__", ""))


def within(start: object, end: object = None) -> Iterator[object]:
    """A callable and those that it holds: what decorators and WSGI layers are around.

    :param end: what to look no further than.
    """
    queue, seen = [start], [start]
    for target in queue:
        if not callable(target) or isinstance(target, type):
            continue
        yield target
        if target is end:
            continue
        held = [
            content for cell in getattr(target, "__closure__", None) or () for content in _in(cell)
        ]
        held += [getattr(target, name, None) for name in ("__self__", "__func__", "func")]
        held += getattr(target, "__dict__", {}).values()
        for other in held:
            if callable(other) and not any(other is one for one in seen) and len(seen) < 100:
                seen.append(other)
                queue.append(other)


def _in(cell: CellType) -> list[object]:
    try:
        return [cell.cell_contents]
    except ValueError:  # a name that is not bound yet
        return []


def package_of(target: object) -> str:
    """The package that a function or an object comes from."""
    module = getattr(target, "__globals__", {}).get("__name__") or type(target).__module__
    return str(module).partition(".")[0]


def sets_headers(function: object) -> bool:
    """Whether a function spells a CORS header by itself."""
    constants = getattr(getattr(function, "__code__", None), "co_consts", ())
    return any(str(constant).lower().startswith(ALLOW_PREFIX) for constant in constants)
