"""`corsgate probe` against live servers, whole and broken: the exact words and exit statuses."""

import errno
import io
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_server import Asked, Server, answer, listening, make_certificate, run, serving

from corsgate.cli import main

URL = "http://127.0.0.1:PORT/users"
APP = "https://app.example.com"
PAGE = "http://localhost:3000"
ALLOWED = f"Access-Control-Allow-Origin: {PAGE}"
VARY = "Vary: Origin"


def probe(server: Server | None, *arguments: str, url: str = URL) -> tuple[int, str]:
    return run(server, "probe", url, "--origin", PAGE, *arguments)


def probe_json(server: Server, *arguments: str) -> tuple[int, dict[str, Any]]:
    status, text = probe(server, "--json", *arguments)
    return status, json.loads(text)


def test_allowed_without_a_preflight() -> None:
    with serving(lambda asked: answer("200 OK", ALLOWED, VARY, "Set-Cookie: a=1")) as server:
        assert probe(server) == (
            0,
            f"""\
Request:
> GET http://127.0.0.1:PORT/users
> Origin: {PAGE}
< 200 OK
< Access-Control-Allow-Origin: {PAGE}
< Vary: Origin

Allowed: a browser lets the page read the answer.
""",
        )
    assert server.asked == [
        Asked(
            "GET",
            "/users",
            {
                "host": f"127.0.0.1:{server.port}",
                "connection": "close",
                "accept": "*/*",
                "referer": f"{PAGE}/",
                "origin": PAGE,
                "sec-fetch-dest": "empty",
                "sec-fetch-mode": "cors",
                "sec-fetch-site": "cross-site",
                "user-agent": "corsgate (CORS probe)",
            },
        )
    ]


def test_preflight_and_request() -> None:
    def respond(asked: Asked) -> bytes:
        if asked.method == "OPTIONS":
            lines = ("Access-Control-Allow-Methods: PUT", "Access-Control-Max-Age: 600")
            headers = "Access-Control-Allow-Headers: authorization, x-one"
            return answer("204 No Content", ALLOWED, headers, *lines)
        assert asked.headers["user-agent"] == "corsgate (CORS probe)"
        return answer("200 OK", ALLOWED, VARY)

    with serving(respond) as server:
        found = probe(
            server, "-X", "put", "-H", "Authorization: secret", "-H", "X-One: 1",
            "-H", "User-Agent: mine",
        )  # fmt: skip
        assert found == (
            1,
            f"""\
Preflight:
> OPTIONS http://127.0.0.1:PORT/users
> Access-Control-Request-Method: PUT
> Access-Control-Request-Headers: authorization,user-agent,x-one
> Origin: {PAGE}
< 204 No Content
< Access-Control-Allow-Origin: {PAGE}
< Access-Control-Allow-Headers: authorization, x-one
< Access-Control-Allow-Methods: PUT
< Access-Control-Max-Age: 600

Blocked: Access-Control-Allow-Headers does not allow user-agent (Fetch, CORS-preflight fetch, \
step 7.7).
Chromium: Access to fetch at 'http://127.0.0.1:PORT/users' from origin '{PAGE}' has been blocked \
by CORS policy: Request header field user-agent is not allowed by Access-Control-Allow-Headers in \
preflight response.
Firefox: Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote \
resource at http://127.0.0.1:PORT/users. (Reason: header ‘user-agent’ is not allowed according to \
header ‘Access-Control-Allow-Headers’ from CORS preflight response).
Safari: Request header field User-Agent is not allowed by Access-Control-Allow-Headers.
Cause: Access-Control-Allow-Headers does not allow user-agent. It says 'authorization, x-one'.
Fix: Add user-agent to Access-Control-Allow-Headers.
""",
        )
        status, text = probe(server, "-X", "PUT", "-H", "Authorization: secret")
    assert status == 0
    assert "> Authorization: (not shown)\n" in text
    assert "secret" not in text
    assert [asked.method for asked in server.asked] == ["OPTIONS", "OPTIONS", "PUT"]
    assert server.asked[2].headers["authorization"] == "secret"


def test_json_of_a_blocked_request() -> None:
    with serving(lambda asked: answer("405 Nope", "Server: nginx", "Allow: GET")) as server:
        assert probe_json(server, "-X", "PUT", "--credentials") == (
            1,
            {
                "request": {
                    "url": "http://127.0.0.1:PORT/users",
                    "origin": PAGE,
                    "method": "PUT",
                    "credentials": True,
                },
                "verdict": "blocked",
                "exchanges": [
                    {
                        "preflight": True,
                        "request": {
                            "method": "OPTIONS",
                            "url": "http://127.0.0.1:PORT/users",
                            "headers": [
                                ["Access-Control-Request-Method", "PUT"],
                                ["Origin", PAGE],
                            ],
                        },
                        "response": {
                            "status": 405,
                            "reason": "Nope",
                            "headers": [["Server", "nginx"], ["Allow", "GET"]],
                        },
                    }
                ],
                "error": {
                    "code": "allow-origin-missing",
                    "step": "CORS check, step 2",
                    "what": "there is no Access-Control-Allow-Origin",
                    "chromium": (
                        "Access to fetch at 'http://127.0.0.1:PORT/users' from origin"
                        f" '{PAGE}' has been blocked by CORS policy: Response to preflight request"
                        " doesn't pass access control check: No 'Access-Control-Allow-Origin'"
                        " header is present on the requested resource."
                    ),
                    "firefox": (
                        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading"
                        " the remote resource at http://127.0.0.1:PORT/users. (Reason: CORS header"
                        " ‘Access-Control-Allow-Origin’ missing). Status code: 405."
                    ),
                    "webkit": "Preflight response is not successful. Status code: 405",
                },
                "no_answer": None,
                "cause": {
                    "code": "preflight-status",
                    "text": (
                        "The preflight is answered with 405: nothing there answers OPTIONS for"
                        " this address."
                    ),
                    "fix": (
                        "Let OPTIONS through to the application, or return 204 for it with the"
                        " CORS headers."
                    ),
                },
                "warnings": [],
            },
        )


def test_nothing_is_sent_from_https_to_http() -> None:
    assert run(None, "probe", "http://api.example.com/", "--origin", APP) == (
        1,
        """\
Blocked: a page on https may not call http (Fetch, Main fetch, step 7).
Firefox: Blocked loading mixed active content “http://api.example.com/”
Cause: A page on https may not call http, so nothing is sent.
Fix: Serve the API over https.
""",
    )


def test_redirects_are_followed_without_cookies() -> None:
    def respond(asked: Asked) -> bytes:
        if asked.target == "/users":
            return answer("301 Moved", ALLOWED, "Location: /users/?a", "Set-Cookie: a=1")
        return answer("200 OK", ALLOWED, "Access-Control-Allow-Credentials: true", VARY)

    def credentialed(asked: Asked) -> bytes:
        return respond(asked).replace(
            b"Location", b"Access-Control-Allow-Credentials: true\r\nLocation"
        )

    with serving(credentialed) as server:
        status, text = probe(server, "--credentials")
    assert (status, text.count("Request:")) == (0, 2)
    assert [asked.target for asked in server.asked] == ["/users", "/users/?a"]
    assert "cookie" not in server.asked[1].headers


MISSING_VARY = """
Allowed: a browser lets the page read the answer.
Warning: The answer depends on Origin and does not always say Vary: Origin: then a page that is \
allowed may get from a cache the answer made for another, and be blocked.
Fix: Send Vary: Origin with every answer of this address, also to requests without Origin.
"""


def test_missing_vary_is_found_by_asking_without_origin() -> None:
    def respond(asked: Asked) -> bytes:
        return answer("200 OK", *([ALLOWED] if "origin" in asked.headers else []))

    with serving(respond) as server:
        status, text = probe(server)
        assert (status, text[text.index("\nAllowed") :]) == (0, MISSING_VARY)
        assert ["origin" in asked.headers for asked in server.asked] == [True, False]

    with serving(lambda asked: answer("200 OK", ALLOWED)) as server:
        assert probe_json(server)[1]["warnings"] == []
    assert len(server.asked) == 2


def test_nothing_more_is_asked_of_unsafe_methods_or_of_the_same_origin() -> None:
    with serving(lambda asked: answer("200 OK", ALLOWED)) as server:
        assert probe_json(server, "-X", "POST")[1]["warnings"] == []
        assert len(server.asked) == 1
        status, text = run(server, "probe", URL, "--origin", "http://127.0.0.1:PORT")
    assert status == 0
    assert text.endswith(
        "Warning: The page and the address are of one origin, so CORS has no say.\n"
        "Fix: Ask with the origin of another page.\n"
    )
    assert len(server.asked) == 2


def test_a_server_that_falls_silent_after_its_answer() -> None:
    def respond(asked: Asked) -> bytes:
        return answer("200 OK", ALLOWED) if "origin" in asked.headers else b""

    with serving(respond) as server:
        assert probe_json(server)[1]["warnings"] == []


def test_errors_that_have_lost_the_headers() -> None:
    def respond(asked: Asked) -> bytes:
        if asked.target in ("/users", "/whole"):
            return answer("200 OK" if asked.target == "/users" else "500 Oops", ALLOWED, VARY)
        if asked.target == "/cut":
            return b""
        return answer("404 Not Found" if "404" in asked.target else "200 OK")

    paths = ("--error-path", "/whole", "--error-path", "/fine", "--error-path", "/cut")
    with serving(respond) as server:
        status, found = probe_json(server, "--path-404", *paths, "--credentials")
        assert (status, found["verdict"]) == (1, "blocked")
        assert len(server.asked) == 1
        assert found["warnings"] == [
            {
                "code": "errors-not-asked",
                "text": "No error was asked for, because the request itself is not allowed.",
                "fix": "Fix that first, and ask again.",
            }
        ]
        status, found = probe_json(server, "--path-404", *paths)
    assert status == 0
    assert found["warnings"] == [
        {
            "code": "no-error",
            "text": "'/fine' answers 200, which is no error, so it shows nothing of errors.",
            "fix": "Name a path that fails.",
        },
        {
            "code": "no-answer",
            "text": "/cut: the connection was cut without an answer.",
            "fix": "Name another path that fails.",
        },
        {
            "code": "headers-lost-on-errors",
            "text": (
                "The error 404 of '/users/corsgate-probe-404' lacks the CORS headers: pages see a"
                " CORS error in its place."
            ),
            "fix": (
                "Let the outermost layer add the headers, to every status (nginx: add_header ..."
                " always)."
            ),
        },
    ]


def test_a_refusal_of_corsgate() -> None:
    body = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"
    with serving(lambda asked: answer("403 Forbidden", body=body)) as server:
        status, found = probe_json(server, "-X", "PUT")
    assert status == 1
    assert found["cause"]["fix"] == f'Add "{PAGE}" to corsgate\'s allow_origins.'


def test_a_refusal_whose_body_never_comes() -> None:
    def respond(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 403 \r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
        hold.recv(1)

    hold, end = socket.socketpair()
    with hold, end, serving(respond) as server:
        status, found = probe_json(server, "-X", "PUT", "--timeout", "0.2")
        end.send(b"x")
    assert (status, found["cause"]["code"]) == (1, "preflight-status")


CUT = "the connection was cut in the middle of the headers"
HEAD = f"HTTP/1.1 200 OK\r\n{ALLOWED}\r\n".encode()
BROKEN: dict[str, tuple[bytes | None, str]] = {
    "no bytes": (b"", "the connection was cut without an answer"),
    "cut in the status line": (b"HTTP/1.1 20", CUT),
    "cut in the headers": (HEAD, CUT),
    "no end of interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        "the headers of the answer are longer than 256 KiB",
    ),
    "headers of 10 MiB": (
        HEAD + b"X-Long: y\r\n" * (10 * 2**20 // 11),
        "the headers of the answer are longer than 256 KiB",
    ),
    "one header of 10 MiB": (
        HEAD + b"X-Long: " + b"y" * 10 * 2**20,
        "the headers of the answer are longer than 256 KiB",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9\r\n", "what came back is not HTTP/1"),
    "a later HTTP": (b"HTTP/2 200\r\n\r\n", "what came back is not HTTP/1"),
    "no status": (b"HTTP/1.1 two hundred\r\n\r\n", "what came back is not HTTP/1"),
    "no answer in time": (None, "127.0.0.1:PORT did not answer within 0.2 seconds"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "text"), BROKEN.values(), ids=BROKEN)
def test_broken_servers(sent: bytes | None, text: str) -> None:
    with serving(lambda asked: sent) as server:
        timeout = "10" if sent is not None else "0.2"
        assert probe(server, "--timeout", timeout) == (
            2,
            f"Request:\n> GET {URL}\n> Origin: {PAGE}\n\nNo answer: {text}.\n",
        )


def test_json_without_an_answer() -> None:
    with serving(lambda asked: b"") as server:
        status, found = probe_json(server)
    assert status == 2
    assert found["verdict"] == "no-answer"
    text = "the connection was cut without an answer"
    assert found["no_answer"] == {"code": "closed", "text": text}
    assert [exchange["response"] for exchange in found["exchanges"]] == [None]
    assert found["error"] is found["cause"] is None


ODD: dict[str, tuple[bytes, int, list[list[str]]]] = {
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD
        + b"\r\n",
        0,
        [["Access-Control-Allow-Origin", PAGE]],
    ),
    "bare line feeds": (
        HEAD.replace(b"\r", b"") + b"\n",
        0,
        [["Access-Control-Allow-Origin", PAGE]],
    ),
    "lines that are no headers": (
        b"HTTP/1.0 200\r\nno header\r\nbad name: x\r\n: y\r\n" + HEAD[17:] + b"\r\n",
        0,
        [["Access-Control-Allow-Origin", PAGE]],
    ),
    "a folded line": (
        f"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin:\r\n  {PAGE}\r\n\r\n".encode(),
        0,
        [["Access-Control-Allow-Origin", PAGE]],
    ),
    "no headers": (b"HTTP/1.1 200 OK\r\n\r\n", 1, []),
    "two origins": (
        HEAD + HEAD[17:] + b"\r\n",
        1,
        [["Access-Control-Allow-Origin", PAGE], ["Access-Control-Allow-Origin", PAGE]],
    ),
    "invalid UTF-8": (
        b"HTTP/1.1 200 \xff\xfe\r\nAccess-Control-Allow-Origin: \xc3\x28\x9b2J\x1b[31m\x7f\r\n\r\n",
        1,
        [["Access-Control-Allow-Origin", "\xc3(\x9b2J\x1b[31m\x7f"]],
    ),
    "a long origin": (
        b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: " + b"y" * 100_000 + b"\r\n\r\n",
        1,
        [["Access-Control-Allow-Origin", "y" * 600 + "... (100000 characters)"]],
    ),
    "many lines": (
        b"HTTP/1.1 200 OK\r\n" + b"Access-Control-X: y\r\n" * 5_000 + b"\r\n",
        1,
        [["Access-Control-X", "y"]] * 30,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status", "headers"), ODD.values(), ids=ODD)
def test_odd_servers(sent: bytes, status: int, headers: list[list[str]]) -> None:
    with serving(lambda asked: sent) as server:
        code, plain = probe(server, "--json")
        assert (code, plain.isascii()) == (status, True)
        assert plain.replace("\n", "").isprintable()
        found = json.loads(plain)
        text = probe(server)[1]
    assert found["exchanges"][0]["response"]["headers"] == headers
    assert text.replace("\n", "").replace("‘", "").replace("’", "").isascii()
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Access-Control-Allow-Credentials: True", "credentials-not-allowed"),
        ("Access-Control-Allow-Credentials: true", None),
    ],
)
def test_true_in_the_wrong_case(line: str, code: str | None) -> None:
    with serving(lambda asked: answer("200 OK", ALLOWED, VARY, line)) as server:
        cause = probe_json(server, "--credentials")[1]["cause"]
    assert (cause and cause["code"]) == code


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["//x"], "URL is '//x'; write a whole address: https://api.example.com/path"),
        *(
            (
                [url],
                "URL has the scheme ftp; a page calls http and https: https://api.example.com/path",
            )
            for url in ("ftp://x", "ftp://x/@a")
        ),
        *(
            (
                [url],
                (
                    "URL has a user name or password in it, which a page cannot send so; leave it"
                    " out."
                ),
            )
            for url in (
                *("http://a:secret@x", "a:secret@x", "//a:secret@x", "ftp://a:secret@x"),
                *("http:\\\\a:secret@x", "http://a:secret@\u00fc.example", "http://a:secret@x:y/"),
            )
        ),
        *(
            ([url], "URL has no port behind the colon; a port is a number up to 65535.")
            for url in (
                *("http://x:65536", "http://x:99999/a?b", "http://x:y", "http://[::1]:-1"),
                *("http://x:" + "9" * 5000, "http://x:\u0661", "http://a:secret/c@x"),
            )
        ),
        (
            ["http://\u00fc.example:80000"],
            "URL has no port behind the colon; a port is a number up to 65535.",
        ),
        (
            ["http://\u00fc.example:8000/a@b"],
            ("URL has a host that is not ASCII; write it in punycode: http://xn--tda.example:8000"),
        ),
        (
            ["http://\u00fc_%.example"],
            "URL has a host that is not ASCII; write it in punycode.",
        ),
        (
            ["http:/a:secret@x"],
            "URL is no whole address; write a whole address: https://api.example.com/path",
        ),
        (
            ["http://a b:8"],
            "URL is 'http://a b:8'; write a whole address: https://api.example.com/path",
        ),
        (
            ["localhost:8000"],
            "URL is 'localhost:8000'; write a whole address: https://api.example.com/path",
        ),
        (["http://x", "-H", "X-One"], "--header is 'X-One'; write 'Name: value'."),
        (
            ["http://x", "-H", "Cookie: a"],
            (
                "No browser sends this: a page cannot set the header 'Cookie': browsers drop it"
                " silently."
            ),
        ),
        (
            ["http://x", "-X", "TRACE"],
            "No browser sends this: method is 'TRACE', which fetch() does not take.",
        ),
        (
            ["http://x", "--origin", f"{PAGE}/"],
            (
                f"--origin: '{PAGE}/' has a slash or path after the host and port: an origin ends"
                f" before that. No browser sends it. Write {PAGE}."
            ),
        ),
        *(
            (
                ["http://x", "--error-path", path],
                "--error-path takes a path, which begins with one slash.",
            )
            for path in ("x", "//other.example", "/\\other.example")
        ),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    assert run(None, "probe", "--origin", PAGE, *arguments) == (2, f"Error: {text}\n")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "601", "x"])
def test_bad_timeouts(seconds: str) -> None:
    status, text = probe(None, "--timeout", seconds)
    assert status == 2
    assert "Invalid value for '--timeout'" in text


def unread(*arguments: str, err: int = subprocess.PIPE) -> tuple[int, bytes | None]:
    """The status and the other output of a command whose output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "corsgate", *arguments]
    try:
        done = subprocess.run(command, stdout=writer, stderr=err or writer, check=False)
    finally:
        os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize("more", [[], ["--json"], ["--help"]])
def test_an_output_that_nobody_reads(more: list[str]) -> None:
    arguments = ["probe", "http://api.example.com/", "--origin", APP, *more]
    assert unread(*arguments) == (2, NOT_WRITTEN)


def test_a_help_that_nobody_reads() -> None:
    assert unread("--help") == (2, NOT_WRITTEN)
    assert unread("--help", err=0) == (2, None)


NOT_WRITTEN = b"Error: the output cannot be written: Broken pipe\n"


class Full(io.StringIO):
    """An output on a disk without room."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("has_errors", [True, False])
@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--help"]])
def test_an_output_that_is_full(
    arguments: list[str],
    has_errors: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors = io.StringIO() if has_errors else Full()
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", errors)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    said = "Error: the output cannot be written: No space left on device\n"
    assert errors.getvalue() == said


def test_a_pipe_that_breaks_leaves_no_buffer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as caught:
            main(["probe", "http://api.example.com/", "--origin", APP])
    assert (caught.value.code, capsys.readouterr().err) == (2, NOT_WRITTEN.decode())


@pytest.mark.parametrize("name", ["probe", "audit"])
def test_interrupted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(socket, "create_connection", interrupt)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as caught:
        main([name, "http://127.0.0.1/", "--origin", PAGE])
    assert caught.value.code == 130


def test_addresses_are_encoded_as_in_browsers() -> None:
    with serving(lambda asked: answer("200 OK", ALLOWED, VARY)) as server:
        assert probe(server, url="http://127.0.0.1:PORT/\u00fc b?q=\u00e9#x")[0] == 0
    assert server.asked[0].target == "/%C3%BC%20b?q=%C3%A9"


def test_paths_are_encoded_as_addresses_are() -> None:
    with serving(lambda asked: answer("404 Not Found", ALLOWED, VARY)) as server:
        assert probe(server, "--error-path", "/\u20ac")[0] == 0
    assert server.asked[1].target == "/%E2%82%AC"


def test_port_0_is_no_other_port() -> None:
    status, text = probe(None, url="http://127.0.0.1:0/")
    assert status == 2
    assert text.splitlines()[-1].startswith("No answer: ")


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])
    status, text = probe(server)
    assert (status, text.splitlines()[-1]) == (2, "No answer: nothing listens at 127.0.0.1:PORT.")


def test_a_host_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    status, text = probe(None, url="http://corsgate.invalid/")
    assert status == 2
    assert text.endswith("\nNo answer: no address is known for corsgate.invalid.\n")


def test_a_host_that_is_no_name() -> None:
    status, text = probe(None, url=f"http://{'x' * 64}.invalid/")
    assert status == 2
    assert text.splitlines()[-1].startswith(f"No answer: {'x' * 64}.invalid cannot be reached: ")


def test_a_connection_that_is_reset() -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with listening(reset) as server:
        status, text = probe(server)
    assert (status, text.splitlines()[-1]) == (2, "No answer: 127.0.0.1:PORT cut the connection.")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


HTTPS = "https://127.0.0.1:PORT/users"


def test_certificates(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def respond(asked: Asked) -> bytes:
        return answer("200 OK", ALLOWED, VARY)

    with serving(respond, certificate=certificate) as server:
        status, text = probe(server, url=HTTPS)
        assert status == 2
        assert text.splitlines()[-1] == (
            "No answer: the certificate of 127.0.0.1:PORT is not trusted: self-signed certificate."
        )
        assert probe(server, "--insecure", url=HTTPS)[0] == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert probe(server, url=HTTPS)[0] == 0
        status, text = probe(server, url="https://localhost:PORT/users")
        assert status == 2
        assert text.splitlines()[-1] == (
            "No answer: the certificate of localhost:PORT is not trusted: Hostname mismatch,"
            " certificate is not valid for 'localhost'."
        )


def test_https_where_there_is_none() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(refuse) as server:
        status, text = probe(server, url=HTTPS)
    assert status == 2
    said = "No answer: 127.0.0.1:PORT does not speak TLS as expected: "
    assert text.splitlines()[-1].startswith(said)


def test_a_handshake_that_does_not_end() -> None:
    with listening(lambda connection: None) as server:
        status, text = probe(server, "--timeout", "0.2", url=HTTPS)
    assert status == 2
    said = "No answer: 127.0.0.1:PORT did not answer within 0.2 seconds."
    assert text.splitlines()[-1] == said
