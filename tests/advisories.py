"""What went wrong in other CORS layers: the input of each advisory, and what it has to get here.

`Advisories` is run behind each front end: test_advisories.py, test_advisories_flask.py,
test_advisories_django.py. docs/security.rst lists all of it.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar
from wsgiref.types import WSGIApplication

import pytest
from answers import (
    ANYBODY,
    APP,
    DENIED,
    EVIL,
    NOTHING,
    PARTNER,
    PREFLIGHT_VARY,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from blocked import FORGED, FORGED_LINE, FORGED_PATH, texts
from wsgi_client import Answer, call, comparable

from corsgate import PolicyError

# The view of all paths that no other view has.
REST = "the rest"
SITE = "https://testserver"  # the origin of the site itself
Lines = tuple[tuple[str, str], ...]
Test = TypeVar("Test", bound=Callable[..., None])


@dataclass
class Site:
    """A running application, and the views that have run in it."""

    app: WSGIApplication
    ran: list[str] = field(default_factory=list)

    def ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        return call(self.app, method, url, {"Host": "testserver", **headers})

    def get(self, origin: str, url: str = "/", **more: str) -> dict[str, object]:
        """The CORS headers, and Vary, that a page on `origin` gets."""
        return self.ask("GET", url, asking(origin, **more)).cors

    def preflight(self, origin: str, url: str = "/", **more: str) -> tuple[int, dict[str, object]]:
        answer = self.ask("OPTIONS", url, asking_for("PUT", origin, **more))
        return answer.status, answer.cors


class Start(Protocol):
    """Starts a site, and ends the one before: each view answers all methods with its own path.

    :param lines: the headers that the views answer with.
    """

    def __call__(
        self,
        *views: str,
        lines: Lines = (),
        paths: Any = None,
        debug: bool = False,
        **options: Any,
    ) -> Site: ...


IDS: dict[str, list[str]] = {}


def advisory(*ids: str) -> Callable[[Test], Test]:
    """Marks the test of these advisories, which has the name of the first."""

    def mark(test: Test) -> Test:
        slug = re.sub("[^a-z0-9]+", "_", ids[0].lower())
        assert test.__name__.startswith(f"test_{slug}_"), f"{test.__name__} is no test of {ids[0]}"
        IDS[test.__name__] = list(ids)
        return test

    return mark


NULL_CREDENTIALS = (
    "allow_origins: 'null' with credentials: any site can take that origin in a sandboxed frame."
    " Take it out, or accept it with dangerously_allow=['null-origin']. [null-origin]"
)
WILDCARD_CREDENTIALS = (
    "allow_origins: '*' cannot be combined with credentials: every site could act as the user."
    " Name the origins, or set allow_credentials=False here. [wildcard-credentials]"
)
STRANGERS = (
    EVIL,
    f"http://{EVIL[8:]}",
    f"{EVIL}:8443",
    "https://localhost",
    "http://127.0.0.1:8000",
    "tauri://localhost",
    "null",
    "",
    "*",
    "a,b",
)


class Advisories:
    """Each test is given `start`, which starts a site behind one of the front ends."""

    # What the front end raises at start.
    refusal: ClassVar[type[Exception]] = PolicyError

    def spell(self, text: str) -> str:
        """A problem, in the words of the front end."""
        return text

    def refuses(self, start: Start, text: str, **options: Any) -> None:
        """The configuration does not start, and says this."""
        with pytest.raises(self.refusal) as caught:
            start(**options)
        assert str(caught.value) == self.spell(text)

    # -------------------------------------------------------------- which policy a path has

    @advisory("CVE-2020-25032", "GHSA-xc3p-ff3m-f46v")
    def test_cve_2020_25032_a_path_with_dots_has_no_other_policy(self, start: Start) -> None:
        site = start("/api/x", allow_origins=APP, paths={"/api/*": {"allow_origins": PARTNER}})
        for url in ("/api/../foo.txt", "/api/%2e%2e/foo.txt", "/api/..%2ffoo.txt"):
            for origin in (APP, PARTNER):
                answer = site.ask("GET", url, asking(origin))
                assert (answer.status, answer.body, answer.cors) == (200, REST.encode(), NOTHING)
                assert site.preflight(origin, url) == (403, REFUSED)
        # Who answers has its own policy: Flask takes two slashes for one, others do not.
        expected = {b"/api/x": readable_by(PARTNER), REST.encode(): NOTHING}
        answer = site.ask("GET", "//api/x", asking(PARTNER))
        assert answer.cors == expected[answer.body]
        assert (site.get(PARTNER, "/api;x"), site.get(APP, "/api;x")) == (DENIED, readable_by(APP))

    @advisory("CVE-2019-18978", "GHSA-pf8f-w267-mq2h")
    def test_cve_2019_18978_a_path_with_dots_has_no_open_policy(self, start: Start) -> None:
        site = start("/private", allow_origins=APP, paths={"/public/*": {"allow_origins": "*"}})
        for url in ("/public/../private", "/public/%2e%2e/private", "/public/x/../../private"):
            assert site.get(EVIL, url) == NOTHING
            assert site.preflight(EVIL, url) == (403, REFUSED)

    @advisory("CVE-2024-6839", "GHSA-7rxf-gvfg-47g4")
    def test_cve_2024_6839_the_longest_text_is_not_the_nearest_rule(self, start: Start) -> None:
        looks_like = "looks like a regular expression, and a path never is one."
        self.refuses(
            start,
            f"paths: '/api/.*/.*/aaaaaaaa|/.*' {looks_like} Write '/api/*', or"
            " '/api/.%2A/.%2A/aaaaaaaa%7C/.%2A' for that very path. [path-regex]",
            paths={"/api/.*/.*/aaaaaaaa|/.*": {"allow_origins": "*"}},
        )
        self.refuses(
            start,
            "paths: '/api/*' is there twice. Keep one of them. [path-repeated]",
            paths=[("/api/*", {"allow_origins": "*"}), ("/api/*", {"allow_origins": APP})],
        )
        secure = {"/api/v1/secure/*": {"allow_origins": APP}}
        rules = {"/api/*": {"allow_origins": "*"}, **secure}
        for paths in (rules, dict(reversed(rules.items()))):
            site = start(paths=paths)
            assert site.get(EVIL, "/api/v1/secure/x") == DENIED
            assert site.preflight(EVIL, "/api/v1/secure/x") == (403, REFUSED)
            assert site.get(EVIL, "/api/v1/open") == ANYBODY

    @advisory("CVE-2024-6844", "GHSA-8vgw-p6qm-5gr7")
    def test_cve_2024_6844_a_path_is_decoded_once(self, start: Start) -> None:
        rules = {path: {"allow_origins": PARTNER} for path in ("/service path", "/public/x")}
        site = start("/service+path", "/service path", "/public/x", allow_origins=APP, paths=rules)
        for url in ("/service+path", "/service%2Bpath", "/%2570ublic/x"):
            assert (site.get(PARTNER, url), site.get(APP, url)) == (DENIED, readable_by(APP))
            assert site.preflight(PARTNER, url) == (403, REFUSED)
            assert site.preflight(APP, url) == (204, goes_on(APP))
        for url in ("/service%20path", "/%70ublic/x"):
            assert (site.get(PARTNER, url), site.get(APP, url)) == (readable_by(PARTNER), DENIED)

    @advisory("CVE-2024-6866", "GHSA-43qf-4rqw-9q2g")
    def test_cve_2024_6866_paths_are_case_sensitive(self, start: Start) -> None:
        rules = {"/admin": {"allow_origins": PARTNER}}
        site = start("/admin", "/Admin", allow_origins=APP, paths=rules)
        for url in ("/Admin", "/ADMIN", "/%41dmin"):
            assert (site.get(PARTNER, url), site.get(APP, url)) == (DENIED, readable_by(APP))
            assert site.preflight(PARTNER, url) == (403, REFUSED)
        assert site.get(PARTNER, "/admin") == readable_by(PARTNER)

    # -------------------------------------------------------------- which origins an entry allows

    @advisory("CVE-2026-37737")
    def test_cve_2026_37737_a_regular_expression_matches_all_of_it(self, start: Start) -> None:
        site = start(allow_origins=[re.compile(r"https://trusted\.com")])
        for suffix in (".attacker.io", ":8080", ".", "/", "@attacker.io", "\n"):
            assert site.get(f"https://trusted.com{suffix}") == DENIED
            assert site.preflight(f"https://trusted.com{suffix}") == (403, REFUSED)
        assert site.get("https://trusted.com") == readable_by("https://trusted.com")

    @advisory("django-cors-headers 3.0.0")
    def test_django_cors_headers_3_0_0_a_scheme_counts(self, start: Start) -> None:
        site = start(allow_origins=["https://trusted.com", "https://*.trusted.com"])
        for origin in ("http://trusted.com", "http://www.trusted.com", "//trusted.com"):
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("django-cors-headers 3.10.1")
    def test_django_cors_headers_3_10_1_an_open_bracket_is_no_error(self, start: Start) -> None:
        site = start(allow_origins=["https://*.trusted.com", re.compile("https://trusted.com")])
        for origin in ("https://[::1", "https://[", "https://]", "https://[::1]x", "https://::1"):
            assert site.ask("GET", "/", asking(origin)).status == 200
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2019-25211", "GHSA-869c-j7wc-8jqv")
    def test_cve_2019_25211_a_star_ends_where_its_label_does(self, start: Start) -> None:
        self.refuses(
            start,
            "2 problems:\n  allow_origins: 'https://example.com/*' has a * where none can stand."
            " Write 'https://example.com'. [origin-wildcard]\n  allow_origins:"
            " 'http://localhost/*' has a slash or path after the host and port: an origin ends"
            " before that. Write 'http://localhost'. [origin-path]",
            allow_origins=["https://example.com/*", "http://localhost/*"],
        )
        site = start(allow_origins=["https://example.com", "http://localhost:*"])
        for origin in (
            "https://example.community",
            "https://example.com.community",
            "http://localhost.example.com",
            "http://localhost.example.com:8000",
        ):
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2022-1996", "GHSA-r48q-9g5r-8q2h")
    def test_cve_2022_1996_a_plain_origin_is_no_regular_expression(self, start: Start) -> None:
        self.refuses(
            start,
            "allow_origins: 'example.com' has no scheme. Write 'https://example.com'."
            " [origin-no-scheme]",
            allow_origins=["example.com"],
        )
        site = start(allow_origins=["https://api.example.com"])
        for origin in (
            "https://api.example.com.evil.net",
            "https://apixexample.com",
            "https://evil.net/api.example.com",
            "https://api.example.com-evil.net",
        ):
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2024-27302", "GHSA-fgxv-gw55-r5fq")
    def test_cve_2024_27302_the_end_of_a_host_is_a_label(self, start: Start) -> None:
        site = start(allow_origins=["https://trusted.com", "https://*.trusted.com"])
        for origin in ("https://eviltrusted.com", "https://evil-trusted.com", "https://trusted.co"):
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("GHSA-vhxv-fg4m-p2w8", "GHSA-v84h-653v-4pq9")
    def test_ghsa_vhxv_fg4m_p2w8_two_entries_are_not_glued(self, start: Start) -> None:
        for pair in (
            ["https://foo.com", "https://bar.com"],
            ["https://*.foo.com", "https://*.bar.com"],
        ):
            site = start(allow_origins=pair)
            for origin in ("https://barfoo.com", "https://foobar.com", "https://a.barfoo.com"):
                assert site.get(origin) == DENIED
                assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2026-25478", "GHSA-2p2x-hpg8-cqp2", "CVE-2026-25479", "GHSA-93ph-p7v4-hwh4")
    def test_cve_2026_25478_a_dot_is_a_dot(self, start: Start) -> None:
        for entry in (
            "https://trusted.com",
            "https://*.trusted.com",
            "https://pr-*.trusted.com",
            "https://trusted.com:*",
            re.compile(r"https://(.+\.)?trusted\.com"),
        ):
            site = start(allow_origins=[entry])
            for host in ("trustedXcom", "trustedxcom", "pr-1.trustedxcom", "pr-1xtrusted.com"):
                assert site.get(f"https://{host}") == DENIED
                assert site.preflight(f"https://{host}") == (403, REFUSED)
        self.refuses(
            start,
            "allow_origins: re.compile('https://trusted.com') with credentials also accepts"
            r" 'https://trustedxcom'. Escape each dot (\.) and spell out the domain, or use a"
            " pattern such as 'https://*.example.com'. [regex-too-broad]",
            allow_origins=[re.compile("https://trusted.com")],
            allow_credentials=True,
        )

    # -------------------------------------------------------------- everybody, with cookies

    @advisory("CVE-2018-20744", "GHSA-927h-x4qj-r242")
    def test_cve_2018_20744_a_star_and_credentials_do_not_start(self, start: Start) -> None:
        self.refuses(start, WILDCARD_CREDENTIALS, allow_origins="*", allow_credentials=True)

    @advisory("CVE-2024-25124", "GHSA-fmg4-x8pw-hjhg")
    def test_cve_2024_25124_nor_where_the_star_is_in_a_list(self, start: Start) -> None:
        self.refuses(start, WILDCARD_CREDENTIALS, allow_origins=["*"], allow_credentials=True)

    @advisory("CVE-2026-54290", "GHSA-88fw-hqm2-52qc")
    def test_cve_2026_54290_credentials_alone_allow_nobody(self, start: Start) -> None:
        site = start(allow_credentials=True)
        for origin in STRANGERS:
            assert site.get(origin) == NOTHING
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2025-34291")
    def test_cve_2025_34291_nor_does_what_matches_everybody_start(self, start: Start) -> None:
        self.refuses(start, WILDCARD_CREDENTIALS, allow_origins="*", allow_credentials=True)
        self.refuses(
            start,
            "allow_origins: re.compile('.*') with credentials also accepts"
            r" 'https://q7x2k9w4z8.test'. Escape each dot (\.) and spell out the domain, or use a"
            " pattern such as 'https://*.example.com'. [regex-too-broad]",
            allow_origins=[re.compile(".*")],
            allow_credentials=True,
        )

    @advisory("GHSA-972r-f3fv-whm3")
    def test_ghsa_972r_f3fv_whm3_nor_a_star_for_some_paths(self, start: Start) -> None:
        self.refuses(
            start,
            WILDCARD_CREDENTIALS.replace("allow_origins", "paths['/api/*'].allow_origins", 1),
            paths={"/api/*": {"allow_origins": "*", "allow_credentials": True}},
        )

    @advisory("GHSA-5mh2-6xgr-rf89")
    def test_ghsa_5mh2_6xgr_rf89_a_star_is_answered_with_a_star(self, start: Start) -> None:
        self.refuses(start, WILDCARD_CREDENTIALS, allow_origins="*", allow_credentials=True)
        site = start(allow_origins="*")
        for origin in STRANGERS:
            assert site.get(origin, Cookie="session=1") == ANYBODY

    @advisory("CVE-2026-44184", "GHSA-rwpc-36mg-fpvf")
    def test_cve_2026_44184_with_credentials_no_stranger_is_reflected(self, start: Start) -> None:
        site = start(allow_origins=APP, allow_credentials=True)
        for origin in STRANGERS:
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)
        assert site.get(APP) == readable_by(APP, Access_Control_Allow_Credentials="true")

    @advisory("CVE-2017-20146", "GHSA-jcr6-mmjj-pchw")
    def test_cve_2017_20146_no_origin_chooses_the_answer(self, start: Start) -> None:
        site = start(allow_origins=APP)
        assert [site.get(origin) for origin in STRANGERS] == [DENIED] * len(STRANGERS)
        site = start(allow_origins="*")
        assert [site.get(origin) for origin in STRANGERS] == [ANYBODY] * len(STRANGERS)

    @advisory("CVE-2019-9580")
    def test_cve_2019_9580_a_denied_origin_is_not_answered_null(self, start: Start) -> None:
        site = start(allow_origins=APP)
        for origin in (EVIL, "null"):
            assert site.get(origin) == DENIED
            assert site.preflight(origin) == (403, REFUSED)
        self.refuses(start, NULL_CREDENTIALS, allow_origins="null", allow_credentials=True)

    # -------------------------------------------------------------- open where nothing was said

    @advisory("CVE-2023-49803", "GHSA-qxrj-hx23-xp82")
    def test_cve_2023_49803_without_origins_nobody_is_allowed(self, start: Start) -> None:
        site = start()
        for origin in STRANGERS:
            assert site.get(origin) == NOTHING
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2025-65717")
    def test_cve_2025_65717_nor_is_localhost(self, start: Start) -> None:
        site = start()
        for origin in ("http://localhost:5500", "http://127.0.0.1:5500", EVIL):
            assert site.get(origin) == NOTHING
            assert site.preflight(origin) == (403, REFUSED)

    @advisory("CVE-2024-6221", "GHSA-hxwh-jpp2-84pm", "PYSEC-2024-71")
    def test_cve_2024_6221_no_private_network_is_opened(self, start: Start) -> None:
        asked = {"Access_Control_Request_Private_Network": "true"}
        site = start(allow_origins=APP)
        # All headers are compared: Access-Control-Allow-Private-Network is none of them.
        assert site.preflight(APP, **asked) == (204, goes_on(APP))
        assert site.preflight(EVIL, **asked) == (403, REFUSED)
        anybody = goes_on("*")
        assert start(allow_origins="*").preflight(EVIL, **asked) == (204, anybody)

    # -------------------------------------------------------------- what a request may carry

    @advisory("CVE-2024-1681", "GHSA-84pr-m4jr-85g5")
    def test_cve_2024_1681_a_request_forges_no_line_of_the_log(
        self, start: Start, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "corsgate")
        start(allow_origins=APP).ask("GET", FORGED_PATH, {"Origin": FORGED})
        assert texts(caplog) == [("INFO", FORGED_LINE)]
        start(allow_origins=APP, debug=True).ask("GET", FORGED_PATH, {"Origin": FORGED})
        [(level, text)] = texts(caplog)
        assert level == "WARNING"
        assert text.isascii()
        assert text.isprintable()

    @advisory("CVE-2025-47908", "GO-2024-2883", "GHSA-mh55-gqvf-xfwm", "GHSA-vh9x-phq6-fx54")
    @pytest.mark.parametrize("size", [8_192, 65_536, 1_048_576])
    @pytest.mark.parametrize("unit", [",", "a,", " ", " ,", "a"])
    def test_cve_2025_47908_endless_header_names_are_not_parsed(
        self, start: Start, unit: str, size: int
    ) -> None:
        asked = {"Access_Control_Request_Headers": unit * (size // len(unit))}
        assert start(allow_origins=APP).preflight(APP, **asked) == (204, goes_on(APP))
        # Only here names are reflected: these are too many, so the header is left out.
        site = start(allow_origins=APP, allow_credentials=True, allow_headers="*")
        expected = goes_on(APP, Access_Control_Allow_Credentials="true")
        del expected["access-control-allow-headers"]
        answer = site.ask("OPTIONS", "/", asking_for("PUT", **asked))
        assert (answer.status, answer.cors) == (204, expected)
        assert sum(len(name) + len(value) for name, value in answer.headers) < 1_024

    @advisory("CVE-2026-69207", "GHSA-8j4g-w8fx-2239")
    def test_cve_2026_69207_endless_white_space_is_not_parsed(self, start: Start) -> None:
        asked = {"Access_Control_Request_Headers": f"x-a{' ' * 1_048_576}x-b, x-c"}
        assert start(allow_origins=APP).preflight(APP, **asked) == (204, goes_on(APP))
        site = start(allow_origins=APP, allow_credentials=True, allow_headers="*")
        expected = goes_on(APP, Access_Control_Allow_Credentials="true")
        del expected["access-control-allow-headers"]
        assert site.preflight(APP, **asked) == (204, expected)

    @advisory("GHSA-q7jf-gf43-6x6p")
    def test_ghsa_q7jf_gf43_6x6p_vary_is_made_of_the_answer_alone(self, start: Start) -> None:
        site = start(allow_origins=APP, lines=(("Vary", "Accept"),))
        expected = comparable({"Access-Control-Allow-Origin": APP, "Vary": "Accept, Origin"})
        assert site.get(APP, Vary="Cookie, *") == expected
        assert site.get(EVIL, Vary="Cookie, *") == comparable({"Vary": "Accept, Origin"})
        assert site.preflight(APP, Vary="Cookie") == (204, goes_on(APP, Vary=PREFLIGHT_VARY))

    @advisory("CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq", "CVE-2026-27205", "GHSA-68rp-wp8r-4726")
    def test_cve_2023_30861_vary_cookie_survives(self, start: Start) -> None:
        lines = (("Set-Cookie", "session=1"), ("Vary", "Cookie"))
        site = start(lines=lines, allow_origins=APP)
        assert site.get(APP) == readable_by(APP, Vary="Cookie, Origin")
        assert site.get(EVIL) == comparable({"Vary": "Cookie, Origin"})
        anybody = comparable({"Access-Control-Allow-Origin": "*", "Vary": "Cookie"})
        assert start(lines=lines, allow_origins="*").get(EVIL) == anybody
        assert start(lines=lines, allow_origins=()).get(EVIL) == comparable({"Vary": "Cookie"})

    @advisory("CVE-2024-47084", "GHSA-3c67-5hwx-f6wx")
    def test_cve_2024_47084_a_cookie_changes_nothing(self, start: Start) -> None:
        site = start(allow_origins=APP, allow_credentials=True)
        for origin in ("http://localhost:7860", EVIL):
            assert site.get(origin, Cookie="session=1") == DENIED
            assert site.preflight(origin, Cookie="session=1") == (403, REFUSED)

    @advisory("gradio#13594")
    def test_gradio_13594_a_spoofed_host_changes_nothing(self, start: Start) -> None:
        site = start(allow_origins=APP, allow_credentials=True, own_origins=SITE, gate="enforce")
        for host in ("localhost", "evil.example.net", "app.example.com"):
            sent = asking(EVIL, Host=host, X_Forwarded_Host=host)
            assert site.ask("GET", "/", sent).status == 403
            assert site.ask("POST", "/", sent).status == 403
            asked = asking_for("PUT", EVIL, Host=host)
            assert site.ask("OPTIONS", "/", asked).cors == REFUSED
        assert site.ran == []

    # -------------------------------------------------------------- what runs

    @advisory("CVE-2022-4147")
    def test_cve_2022_4147_a_denied_post_does_not_run(self, start: Start) -> None:
        site = start(allow_origins=APP, gate="enforce")
        for method in ("GET", "POST"):
            for sent in (asking(EVIL), asking(EVIL, Sec_Fetch_Site="cross-site")):
                assert site.ask(method, "/", sent).status == 403
        assert site.ran == []
        # A proxy has rewritten Host; the browser knows better.
        own = asking("https://public.example", Host="127.0.0.1", Sec_Fetch_Site="same-origin")
        assert site.ask("POST", "/", own).status == 200
        site = start(own_origins="https://public.example", gate="enforce")
        del own["Sec-Fetch-Site"]
        assert site.ask("POST", "/", own).status == 200

    @advisory("CVE-2020-5397", "GHSA-7pm4-g2qj-j85x")
    def test_cve_2020_5397_a_preflight_reaches_no_view(self, start: Start) -> None:
        site = start("/transfer", allow_origins=APP)
        assert site.preflight(APP, "/transfer") == (204, goes_on(APP))
        assert site.preflight(EVIL, "/transfer", Cookie="session=1") == (403, REFUSED)
        assert site.ran == []

    @advisory("CVE-2025-47910")
    def test_cve_2025_47910_an_exempt_path_is_not_its_redirect(self, start: Start) -> None:
        rules = {"/hello/": {"gate": "off"}}
        site = start("/hello/", "/hello", allow_origins=APP, gate="enforce", paths=rules)
        for url in ("/hello", "/hello/x", "/Hello/", "/hello/%2e%2e/x", "/x/../hello/"):
            assert site.ask("POST", url, asking(EVIL)).status == 403
        assert site.ran == []
        assert site.ask("POST", "/hello/", asking(EVIL)).status == 200

    @advisory("golang/go#78563")
    def test_golang_go_78563_an_origin_is_compared_as_a_whole(self, start: Start) -> None:
        for own in ((), (SITE,)):
            site = start(allow_origins=APP, gate="enforce", own_origins=own)
            for origin in (
                "http://evil@testserver",
                "https://testserver@evil.example.net",
                "https://testserver/",
                "https://testserver?",
                "https://testserver#x",
                "https://testserver\\.evil.example.net",
                "https://testserver%2eevil.example.net",
                "https://TESTSERVER",
            ):
                assert site.ask("POST", "/", asking(origin)).status == 403
                assert site.get(origin) != readable_by(origin)
            assert site.ran == []
