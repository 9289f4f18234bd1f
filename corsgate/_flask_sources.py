"""Which policy holds for what in one Flask application."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from flask import current_app, has_request_context, request
from werkzeug.exceptions import NotFound

from ._denials import words_in
from ._flask_config import check_unchanged, reconfigured
from ._flask_gate import guard
from ._flask_routing import find_views
from ._flask_views import MergedViews
from ._nested import NOT_GIVEN, NotGiven
from ._paths import decode_path
from ._sources import warn_if_closed, warn_if_ungated
from ._words import KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from flask import Flask

    from ._flask_config import Configured
    from ._marks import Mark
    from ._nested import Source
    from ._paths import PathRules
    from ._words import Words
    from .policy import Policy


class Sources:
    """The policy sources of an application and its views, which are merged at the first request.

    All that a request asks is answered by the configuration that it began with.
    """

    def __init__(self, app: Flask, configured: Configured) -> None:
        self._app = app
        self._inner: WSGIApplication = app.wsgi_app
        self._configured = configured
        self._views: MergedViews | None = None
        self._lock = Lock()
        self._is_guarded = False

    def _words_of(self, policy: Policy) -> Words:
        if policy is not self._rules.application and self._views is not None:
            place = self._views.place_of(self._app, policy)
            if place is not None:
                return KEYWORDS.at(f"cors(...) of {place}")
        return words_in(self._rules, policy, self._configured.words)

    @property
    def _rules(self) -> PathRules:
        return self._configured.rules

    def judge(self, policy: Source | NotGiven, options: Mapping[str, Any]) -> Configured:
        """What `reconfigure` would make of this gate.

        :raises TypeError: with neither policy nor options.
        :raises PolicyError: with every problem, also of what inherits.
        """
        configured = reconfigured(self._configured, policy, options)
        MergedViews(self._app, configured.rules)
        return configured

    # ------------------------------------------------------------------ start

    def _merge(self, rules: PathRules) -> MergedViews:
        """Merge what the views and blueprints say, all problems at once."""
        before = self._views
        if before is None:
            check_unchanged(self._app, self._configured)
        views = MergedViews(self._app, rules, frozenset() if before is None else before.marks)
        if before is None:
            fix = "give it allow_origins=[...], or set CORS_ALLOW_ORIGINS before CORSGate(app)"
            sources = (*views.rules.sources(), *views.sources())
            warn_if_closed(sources, "CORSGate", fix)
            fix = 'give it gate="report", or set CORS_GATE before CORSGate(app)'
            warn_if_ungated(sources, "CORSGate", fix)
        if views.gated:
            with self._lock:
                if not self._is_guarded:
                    guard(self._app)
                self._is_guarded = True
        self._views = views
        return views

    def knows(self, mark: Mark) -> bool:
        """Whether a view with this mark was known to routing at the last merge."""
        return self._views is not None and mark in self._views.marks

    def saw(self, mark: Mark) -> bool:
        """Whether a view with this mark is known to routing."""
        return self.knows(mark) or mark in self._merge(self._rules).marks

    def _views_with(self, views: MergedViews, *endpoints: str, marks: bool = False) -> MergedViews:
        """A snapshot that has these views as they are now, for all that one answer asks.

        :param views: what the request began with: under those rules it ends too.
        :param marks: whether to look for other marks on their classes too.
        """
        app, now = self._app, self._views
        if now is not None and now.rules is views.rules:
            views = now
        if views.has(app, endpoints) and (not marks or views.has_marks(app, endpoints)):
            return views
        return self._merge(views.rules)

    # ------------------------------------------------------------------ which policy

    def _source(
        self,
        views: MergedViews,
        environ: WSGIEnvironment,
        script_name: str,
        path_info: str,
        *,
        marks: bool = False,
    ) -> Source:
        """The source for an answer: of the view that has made it, or that was meant to.

        :param script_name: where the request came to, and `path_info`: an inner layer may change
            them, such as a dispatcher to mounted applications.
        :param marks: as of `_views_with`.
        """
        method: str = environ["REQUEST_METHOD"]
        # Werkzeug leaves the request here; its rule says which view was found. A request of
        # another application, mounted below this one, has a rule of another map.
        routed = environ.get("werkzeug.request")
        rule = getattr(routed, "url_rule", None)
        if rule is not None and rule.map is self._app.url_map:
            if marks or views is not self._views or not views.has_one(self._app, rule.endpoint):
                views = self._views_with(views, rule.endpoint, marks=marks)
            source = views.find(rule.endpoint).source(method)
            return or_by_path(views, source, path_info)
        if (
            rule is None
            # A 404 has no view; a redirect and a 405 have, and Flask does not tell which.
            and not isinstance(getattr(routed, "routing_exception", None), NotFound)
            and self._is_own_answer(environ, path_info)
        ):
            asked = {**environ, "SCRIPT_NAME": script_name, "PATH_INFO": path_info}
            return self._route(views, asked, method)[0]
        return or_by_path(self._views_with(views), NOT_GIVEN, path_info)

    def _is_own_answer(self, environ: WSGIEnvironment, path_info: str) -> bool:
        """Whether an answer without a view is this application's, and not of one mounted in it."""
        if has_request_context() and request.environ is environ:
            return bool(current_app == self._app)
        return bool(environ.get("PATH_INFO", "") == path_info)

    def _route(
        self, views: MergedViews, environ: WSGIEnvironment, method: str
    ) -> tuple[Source, bool, bool]:
        """The source of the view that would serve `method`, and whether other methods differ.

        The last is whether there is such a view at this very path.
        """
        path, endpoint, others = find_views(self._app, self._inner, environ, method)
        names = others.values() if endpoint is None else (*others.values(), endpoint)
        views = self._views_with(views, *names)
        sources = [views.find(name).source(other) for other, name in others.items()]
        found: Source | NotGiven = NOT_GIVEN
        if endpoint is not None:
            found = views.find(endpoint).source(method)
        elif sources and sources.count(sources[0]) == len(sources):
            # No view serves the method: what the views of the URL share, if they do.
            found = sources[0]
        differs = any(source != found for source in sources)
        if path is not None and isinstance(found, NotGiven):
            return views.rules.find(path), differs, False
        source = or_by_path(views, found, environ.get("PATH_INFO", ""))
        return source, differs, endpoint is not None and path is None


def or_by_path(views: MergedViews, source: Source | NotGiven, path_info: str) -> Source:
    if isinstance(source, NotGiven):
        # As Werkzeug's router does: slashes in front are one.
        return views.rules.find(decode_path("/" + path_info.lstrip("/")))
    return source
