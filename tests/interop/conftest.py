"""The bureau of the incidents' tests."""

from tests.incidents.conftest import bureau

__all__ = ["bureau"]
