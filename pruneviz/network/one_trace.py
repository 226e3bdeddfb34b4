"""One tracer at a time: torch's dispatch modes of several threads get in each other's way."""

from __future__ import annotations

import threading

# torch.export keeps a part of its stack of modes for the whole process, so another thread that
# counts operations or traces at the same moment spoils both. Hold this around every such pass.
ONE_TRACE = threading.RLock()
