"""CORS for Flask: `CORSGate(app)` for the application, `@cors(...)` for views and blueprints."""

from __future__ import annotations

import sys
from copy import copy
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, current_app, has_request_context, request
from werkzeug.exceptions import NotFound

from ._engine import decide, without_caching, write_headers
from ._flask_routing import find_views
from ._flask_views import MergedViews, add_app, notice_mark
from ._marks import Mark, mark_view, set_mark
from ._paths import PathRules, compile_paths, decode_path
from ._protocol import ENVIRON_FETCH_MODE, ENVIRON_ORIGIN, ENVIRON_REQUEST_METHOD
from ._settings import read_settings
from ._sources import (
    NOT_GIVEN,
    NotGiven,
    application_source,
    decide_by,
    is_preflight,
)
from .errors import PolicyError, Problem, show
from .policy import Policy
from .wsgi import send_preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar, Unpack
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from ._engine import Decision
    from ._sources import Source
    from .policy import PolicyOptions
    from .wsgi import Paths

    Target = TypeVar("Target")

__all__ = ["CORSGate", "cors"]

_PREFIX = "CORS_"
_EXTENSION = "corsgate"


class CORSGate:
    """The Flask extension. Every answer of the application passes it, errors included.

    Options come from keyword arguments and from `app.config` (`CORS_ALLOW_ORIGINS` and so on,
    `CORS_PATHS`); keyword arguments win. Set the configuration before the application is given.

    :param app: the application; or leave it out and call `init_app`.
    :param policy: a `Policy`; `None`, which leaves CORS to the views; or a callable that is given
        the WSGI environ and returns one of the two. Not given: the options make the policy.
    :param paths: policies for some paths: `{"/api/*": {...}, "/health": Policy(...)}`.
    :param options: fields of `Policy`.
    :raises PolicyError: with every problem that the arguments and the configuration have.
    """

    def __init__(
        self,
        app: Flask | None = None,
        policy: Source | NotGiven = NOT_GIVEN,
        *,
        paths: Paths | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        self._policy = policy
        self._paths = paths
        self._options = options
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Protect one application; an extension may be given several.

        :raises TypeError: if it is no `Flask` application.
        :raises RuntimeError: if the application has a gate already.
        :raises PolicyError: as the class.
        """
        if isinstance(app, Blueprint):
            raise TypeError(
                f"CORSGate is for an application; for the blueprint {app.name!r} write"
                " cors(allow_origins=...)(blueprint)."
            )
        if not isinstance(app, Flask):
            raise TypeError(f"CORSGate is for a Flask application, not {show(app)}.")
        if _EXTENSION in app.extensions:
            raise RuntimeError(
                f"The application {app.name!r} has a CORSGate already: give that one all options."
            )
        rules = self._read(app)
        gate = _Gate(app, rules, _configuration(app))
        app.extensions[_EXTENSION] = gate
        app.wsgi_app = gate  # type: ignore[method-assign]
        add_app(app)

    def _read(self, app: Flask) -> PathRules:
        configured, problems = read_settings(app.config, _PREFIX, Policy._fields, ("paths",))
        keywords: dict[str, Any] = dict(self._options)
        if self._paths is not None:
            keywords["paths"] = self._paths
        options = {**configured, **keywords}
        paths = options.pop("paths", None)

        def is_setting(field: str) -> bool:
            name = field.partition("[")[0]
            return name in configured and name not in keywords

        def spell(option: str) -> str:
            return _PREFIX + option.upper() if is_setting(option) else option

        found: list[Problem] = []
        source = application_source(self._policy, options, found, spell)
        rules = compile_paths(source, paths, found)
        problems += [
            fault.in_settings(_PREFIX, Policy._fields) if is_setting(fault.field) else fault
            for fault in found
        ]
        if problems:
            raise PolicyError(problems)
        return PathRules(source, rules.items())


def _configuration(app: Flask) -> dict[str, object]:
    return {key: copy(value) for key, value in app.config.items() if key.startswith(_PREFIX)}


class _Gate:
    """The WSGI layer around one application; its policies are merged at the first request."""

    def __init__(self, app: Flask, rules: PathRules, configuration: dict[str, object]) -> None:
        self._app = app
        self._inner: WSGIApplication = app.wsgi_app
        self._rules = rules
        self._configuration = configuration
        self._views: MergedViews | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        views = self._views
        if views is None or not views.is_current(self._app):
            views = self._merge()
        only = None if views.marks else self._rules.only_policy
        # An inner layer may change these, such as a dispatcher to mounted applications.
        script_name, path_info = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        # One policy for all views, and a preflight, can be judged before the application runs.
        judged, begun = only is not None, False
        decision = decide(only, environ) if only else None
        if not judged and is_preflight(environ):
            judged, decision = True, self._judge_preflight(environ)
        if decision is not None and decision.kind == "preflight":
            return send_preflight(decision, start_response)

        def judge() -> Decision | None:
            # Inside of the application, where it is known which view has answered.
            if judged and self._views is views:
                return decision
            return decide_by(self._source(environ, script_name, path_info), environ)

        def cors_start_response(status, headers, exc_info=None):  # type: ignore[no-untyped-def]
            nonlocal begun
            begun = True
            found = judge()
            if found is not None:
                headers = write_headers(headers, found)
            return start_response(status, headers, exc_info)

        try:
            return self._inner(environ, cors_start_response)
        except Exception as error:
            found = judge()
            if found is None or not self._may_answer_error(environ, found):
                raise
            exc_info = sys.exc_info() if begun else None
            return self._answer_error(error, environ, found, start_response, exc_info)

    # ------------------------------------------------------------------ start

    def _merge(self) -> MergedViews:
        """Merge what the views and blueprints say, all problems at once."""
        first = self._views is None
        if first:
            self._check_configuration()
        views = MergedViews(self._app, self._rules.application)
        if first and all(
            source is NOT_GIVEN or (isinstance(source, Policy) and not source.allow_origins)
            for source in (*self._rules.sources(), *views.sources())
        ):
            self._app.logger.warning(
                "corsgate: CORSGate allows no origin anywhere: give it allow_origins=..., or set"
                " CORS_ALLOW_ORIGINS in app.config before CORSGate(app)"
            )
        self._views = views
        return views

    def _check_configuration(self) -> None:
        before, now = self._configuration, _configuration(self._app)
        changed = [
            key
            for key in sorted(before.keys() | now.keys())
            if before.get(key, NOT_GIVEN) != now.get(key, NOT_GIVEN)
        ]
        if changed:
            raise RuntimeError(
                f"{', '.join(changed)} changed after CORSGate had read app.config: set it"
                " before CORSGate(app) or init_app(app)."
            )

    def saw(self, mark: Mark) -> bool:
        """Whether a view with this mark is known to routing."""
        views = self._views
        if views is None or mark not in views.marks:
            views = self._merge()
        return mark in views.marks

    def _view_source(self, endpoint: str, method: str) -> Source | NotGiven:
        views = self._views
        if views is None or not views.has(self._app, endpoint):
            views = self._merge()
        return views.find(endpoint).source(method)

    # ------------------------------------------------------------------ which policy

    def _source(self, environ: WSGIEnvironment, script_name: str, path_info: str) -> Source:
        """The source for an answer: of the view that has made it, or that was meant to."""
        method: str = environ["REQUEST_METHOD"]
        source: Source | NotGiven = NOT_GIVEN
        # Werkzeug leaves the request here; its rule says which view was found. A request of
        # another application, mounted below this one, has a rule of another map.
        routed = environ.get("werkzeug.request")
        rule = getattr(routed, "url_rule", None)
        if rule is not None and rule.map is self._app.url_map:
            source = self._view_source(rule.endpoint, method)
        elif rule is None and self._is_own_answer(environ, path_info):
            # A 404 has no view; a redirect and a 405 have, and Flask does not tell which.
            if not isinstance(getattr(routed, "routing_exception", None), NotFound):
                asked = {**environ, "SCRIPT_NAME": script_name, "PATH_INFO": path_info}
                return self._route(asked, method)[0]
        return self._or_by_path(source, path_info)

    def _is_own_answer(self, environ: WSGIEnvironment, path_info: str) -> bool:
        """Whether an answer without a view is this application's, and not of one mounted in it."""
        if has_request_context() and request.environ is environ:
            return bool(current_app == self._app)
        return bool(environ.get("PATH_INFO", "") == path_info)

    def _or_by_path(self, source: Source | NotGiven, path_info: str) -> Source:
        if isinstance(source, NotGiven):
            # As Werkzeug's router does: slashes in front are one.
            return self._rules.find(decode_path("/" + path_info.lstrip("/")))
        return source

    def _judge_preflight(self, environ: WSGIEnvironment) -> Decision | None:
        source, differs = self._route(environ, environ[ENVIRON_REQUEST_METHOD])
        decision = decide_by(source, environ)
        return without_caching(decision) if decision is not None and differs else decision

    def _route(self, environ: WSGIEnvironment, method: str) -> tuple[Source, bool]:
        """The source of the view that would serve `method`, and whether other methods differ."""
        path, endpoint, others = find_views(self._app, self._inner, environ, method)
        sources = [self._view_source(name, other) for other, name in others.items()]
        found: Source | NotGiven = NOT_GIVEN
        differs = False
        if endpoint is not None:
            found = self._view_source(endpoint, method)
            differs = any(source != found for source in sources)
        elif sources and sources.count(sources[0]) == len(sources):
            # No view serves the method: what the views of the URL share, if they do.
            found = sources[0]
        if path is not None and isinstance(found, NotGiven):
            return self._rules.find(path), differs
        return self._or_by_path(found, environ.get("PATH_INFO", "")), differs

    # ------------------------------------------------------------------ exceptions let out

    def _may_answer_error(self, environ: WSGIEnvironment, decision: Decision) -> bool:
        """Whether an exception that Flask lets out is answered here, for the page to read.

        Tests want the exception itself, and a person who navigates wants the debugger's page.
        """
        return (
            not self._app.testing
            and ENVIRON_ORIGIN in environ
            and decision.kind == "actual"
            and decision.allowed
            and environ.get(ENVIRON_FETCH_MODE) != "navigate"
        )

    def _answer_error(
        self,
        error: Exception,
        environ: WSGIEnvironment,
        decision: Decision,
        start_response: StartResponse,
        exc_info: OptExcInfo | None,
    ) -> Iterable[bytes]:
        self._app.logger.error(
            "Exception on %s [%s]",
            show(environ.get("PATH_INFO")),
            show(environ.get("REQUEST_METHOD")),
            exc_info=error,
        )
        text = ""
        if self._app.debug:
            text = type(error).__name__
            if decision.policy is not None and decision.policy.allow_origins != ("*",):
                text += f": {error}"
        body = text.encode("utf-8", "replace")
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ]
        start_response("500 INTERNAL SERVER ERROR", write_headers(headers, decision), exc_info)
        return [body]


def cors(
    positional: Policy | NotGiven | None = NOT_GIVEN,
    /,
    *,
    policy: Source | NotGiven = NOT_GIVEN,
    **options: Unpack[PolicyOptions],
) -> Callable[[Target], Target]:
    """Give a view, a method of a `MethodView`, such a class, or a blueprint a policy of its own.

    Above or below `@app.route`; `cors(...)(blueprint)` for a blueprint. It holds for every answer
    of the route. The application needs a `CORSGate`.

    :param policy: a `Policy` or `None` (CORS is the view's own); by keyword also a callable that is
        given the WSGI environ and returns one of the two.
    :param options: fields of `Policy` instead, which change those of the enclosing blueprints and
        of the application.
    :raises TypeError: for `@cors` without parentheses, and without or with too many arguments.
    :raises PolicyError: with every problem that the arguments have; what only shows together with
        inherited options is reported at the first request.
    """
    mark = Mark(positional, policy, options)

    def decorate(target: Any) -> Any:
        if isinstance(target, Flask):
            raise TypeError("cors() is for views and blueprints: write CORSGate(app, ...).")
        if isinstance(target, (Blueprint, type)):
            set_mark(target, mark)
            notice_mark()
            return target
        if not callable(target):
            raise TypeError(
                f"cors() is for a view, a class of views or a blueprint, not for {show(target)}."
            )
        marked = mark_view(target, mark, is_async=iscoroutinefunction(target), notice=_notice)
        notice_mark(target, mark)
        return marked

    return decorate


def _notice(mark: Mark, *args: object, **kwargs: object) -> None:
    if not has_request_context():
        return  # called by hand, such as from a test of the view
    gate = current_app.extensions.get(_EXTENSION)
    if gate is None:
        raise RuntimeError(
            f"The view of {_here()} has @cors(...), but the application has no CORSGate: write"
            " CORSGate(app)."
        )
    if not gate.saw(mark):
        raise RuntimeError(
            f"The @cors(...) of {_here()} is hidden from routing by another decorator: put it"
            " above that one, right below @app.route, or on the class. (A hook or an error handler"
            " needs none: its answers have the policy of the view.)"
        )


def _here() -> str:
    return f"endpoint {request.endpoint!r}"
