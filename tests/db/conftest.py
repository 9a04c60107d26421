"""The bureau of the tests of incidents."""

from tests.incidents.conftest import bureau

__all__ = ["bureau"]
