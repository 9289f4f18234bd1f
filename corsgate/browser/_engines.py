"""Where browser engines differ from the standard.

Seen in Chromium 156, Firefox ESR 153 and WebKitGTK 2.50, headless, or read in their sources.
tests/exchanges.py lists the differences, also those that are not copied here, with the words of the
standard; tests/test_witnesses.py asks the engines.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What the standard says, where nothing else is given."""

    # CORS-preflight fetch, step 7.10: "an imposed limit on max-age".
    max_age_cap: float = float("inf")
    # Step 7.9: seconds where Access-Control-Max-Age is a negative number, or no number.
    negative_max_age: int = 5
    invalid_max_age: int = 5
    # Step 7.6: does `*` cover Authorization?
    star_covers_authorization: bool = False
    # Is a `*` in the preflight cache more than a method or a header of that name?
    caches_star: bool = True
    # Main fetch, step 12: does the preflight cache forget a URL whose answer, or preflight, failed?
    forgets_failures: bool = True
    forgets_failed_preflights: bool = True
    # After a redirect, is there a preflight although the request no longer needs one? Does it name
    # the headers that the request no longer has?
    preflight_sticks: bool = False
    names_stick: bool = False
    # Does the preflight of a tainted request have the page's origin, and not `null`?
    preflight_keeps_origin: bool = False
    # Append a request Origin header, step 4.1: does a no-cors POST heed the referrer policy?
    origin_heeds_referrer_policy: bool = True
    # Are Sec-Fetch-* headers sent after a cross-origin redirect?
    metadata_after_taint: bool = True
    # Mixed Content: may a page on https call http on a loopback host?
    mixed_loopback: bool = True
    # Do both caches keep requests with credentials and without them apart?
    caches_by_credentials: bool = False
    # Is a cookie without SameSite taken as Lax?
    lax_by_default: bool = False
    # RFC 6265bis, section 5.7, step 19: is a cookie with SameSite=None dropped if it is not Secure?
    none_needs_secure: bool = True
    # Section 5.7, step 13: is http on a loopback host a "secure" connection?
    secure_loopback: bool = True


STANDARD = Engine()
ENGINES = {
    "chromium": Engine(
        max_age_cap=7200,
        negative_max_age=0,
        star_covers_authorization=True,
        forgets_failures=False,
        origin_heeds_referrer_policy=False,
        lax_by_default=True,
    ),
    "firefox": Engine(
        max_age_cap=86400,
        negative_max_age=0,
        invalid_max_age=0,
        star_covers_authorization=True,
        caches_star=False,
        preflight_sticks=True,
        preflight_keeps_origin=True,
        caches_by_credentials=True,
    ),
    "webkit": Engine(
        max_age_cap=600,
        negative_max_age=0,
        star_covers_authorization=True,
        preflight_sticks=True,
        names_stick=True,
        metadata_after_taint=False,
        mixed_loopback=False,
        forgets_failures=False,
        forgets_failed_preflights=False,
        none_needs_secure=False,
        secure_loopback=False,
    ),
}
