import pytest

from antiphon.cluster.recovery import RecoveryLog
from recovery_helpers import GRACE, LIFETIME


@pytest.fixture
def log():
    """Keeps sessions for 100 seconds, 1000 bytes of packets, and three sessions."""
    return RecoveryLog(name="log.", lifetime=LIFETIME, grace=GRACE, max_size=1000, max_sessions=3)
