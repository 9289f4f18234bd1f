"""Where everything is: the laboratory, the API, and the origins of the pages that call it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Caller(NamedTuple):
    """A page that calls the API.

    :param name: what it is called in the laboratory's list.
    :param origin: what its browser sends as `Origin`.
    :param page: the origin that its page is loaded from: that of `null` is loaded into a sandbox.
    :param instead: another such page, for browsers that do not find the host of the first.
    """

    name: str
    origin: str
    page: str
    instead: str = ""


class Places:
    """The addresses of one laboratory.

    :param ports: of the laboratory, the API, your frontend, and other sites.
    """

    def __init__(self, ports: tuple[int, int, int, int]) -> None:
        laboratory, api, frontend, other = ports
        self.laboratory = _origin("localhost", laboratory)
        self.api = _origin("localhost", api)
        here = _origin("localhost", frontend)
        port = _origin("localhost", other)
        number = _origin("127.0.0.1", frontend)
        stranger = _origin("stranger.localhost", other)
        instead = _origin("127.0.0.1", other)
        self.callers = {
            "frontend": Caller("Frontend", here, here),
            "port": Caller("Other port", port, port),
            "number": Caller("By number", number, number),
            # Browsers take all names below localhost for this machine, or know none of them.
            "stranger": Caller("Stranger", stranger, stranger, instead),
            "null": Caller("Sandboxed frame", "null", here),
            "same": Caller("Same origin", self.api, self.api),
        }
        # Each server answers to these names only: another may be anybody's who has let it point
        # to 127.0.0.1 (DNS rebinding).
        self.hosts = {
            "laboratory": _hosts(self.laboratory),
            "api": _hosts(self.api),
            "frontend": _hosts(here, number),
            "other": _hosts(port, stranger, instead),
        }

    def to_dict(self) -> dict[str, Any]:
        """What the laboratory's page needs to know."""
        return {
            "api": self.api,
            "callers": {key: caller._asdict() for key, caller in self.callers.items()},
        }


def _origin(host: str, port: int) -> str:
    # As a browser spells it: without the default port.
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def _hosts(*origins: str) -> frozenset[str]:
    return frozenset(origin.removeprefix("http://") for origin in origins)
