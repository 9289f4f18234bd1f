"""CORS as a good programmer writes it by hand for one application: a measure for the benchmarks.

The least that is right: a look-up, preflights answered, `Vary` on every answer, and merged. What it
leaves out: CORS headers of the application's own, credentials, debugging, and all checks of what is
configured. No annotations: on functions that are made anew for each request they cost time.
"""

VARY = ("Vary", "Origin")
FIXED = [
    ("Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ("Access-Control-Allow-Headers", "authorization, content-type, x-requested-with"),
    ("Access-Control-Max-Age", "600"),
]


# for-the-guide
def add_cors(app, origins):
    allowed = frozenset(origins)

    def wrapper(environ, start_response):
        origin = environ.get("HTTP_ORIGIN")
        may_read = origin in allowed
        if (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and origin is not None
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        ):
            grant = [("Access-Control-Allow-Origin", origin), *FIXED] if may_read else []
            start_response("204 No Content", [VARY, *grant])
            return []

        def start(status, headers, exc_info=None):
            for at, (name, value) in enumerate(headers):
                if name.lower() == "vary":
                    if not {"origin", "*"} & {word.strip() for word in value.lower().split(",")}:
                        headers[at] = (name, value + ", Origin")
                    break
            else:
                headers.append(VARY)
            if may_read:
                headers.append(("Access-Control-Allow-Origin", origin))
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapper


# end


def add_cors_for_domains(app, domains):
    """For `https://*.` and one of the domains; apart, so that neither pays for the other."""
    domains = frozenset(domains)

    def wrapper(environ, start_response):
        origin = environ.get("HTTP_ORIGIN")
        may_read = (
            origin is not None and origin[:8] == "https://" and origin.partition(".")[2] in domains
        )
        if (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and origin is not None
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        ):
            grant = [("Access-Control-Allow-Origin", origin), *FIXED] if may_read else []
            start_response("204 No Content", [VARY, *grant])
            return []

        def start(status, headers, exc_info=None):
            for at, (name, value) in enumerate(headers):
                if name.lower() == "vary":
                    if not {"origin", "*"} & {word.strip() for word in value.lower().split(",")}:
                        headers[at] = (name, value + ", Origin")
                    break
            else:
                headers.append(VARY)
            if may_read:
                headers.append(("Access-Control-Allow-Origin", origin))
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapper


def add_cors_for_everybody(app):
    everybody = ("Access-Control-Allow-Origin", "*")

    def wrapper(environ, start_response):
        if (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and "HTTP_ORIGIN" in environ
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        ):
            start_response("204 No Content", [everybody, *FIXED])
            return []

        def start(status, headers, exc_info=None):
            headers.append(everybody)
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapper


def add_cors_below(app, rules, origins):
    """`add_cors` for some first segments of the path only: `/api/*`."""
    guarded = add_cors(app, origins)
    by_segment = {rule.split("/")[1]: guarded for rule in rules}

    def wrapper(environ, start_response):
        segment = environ["PATH_INFO"].split("/", 2)[1]
        return by_segment.get(segment, app)(environ, start_response)

    return wrapper


def do_nothing(app):
    """What any wrapper costs that looks at the headers of answers."""

    def wrapper(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapper
