"""The gates of the flagship with recipients that received data: the helpers of the gates' own tests are used here."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / room) for room in ("gates", "delivery")]
