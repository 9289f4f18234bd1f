"""The application for `INSTALLED_APPS`: the system checks and `manage.py cors`."""

from django.apps import AppConfig
from django.core.checks import Tags, register


class CORSGateConfig(AppConfig):
    """`INSTALLED_APPS = ["corsgate.django", ...]`; the middleware does without."""

    name = "corsgate.django"
    # Not the last part of the name, which Django would take by itself.
    label = "corsgate"
    verbose_name: str = "CORS"

    def ready(self) -> None:
        """Register the checks."""
        from .checks import check_deployment, check_project

        register(check_project, Tags.security)
        register(check_deployment, Tags.security, deploy=True)
