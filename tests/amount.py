"""How much the long tests do: a share in CI, all of it in the profile `nightly` of Hypothesis."""

from hypothesis import settings


def many(in_ci: int, nightly: int) -> int:
    """A number of examples or requests, by the profile that was asked for."""
    return nightly if settings.get_current_profile_name() == "nightly" else in_ci
