"""Where a system under test computes: the target's image says it (images/targets/), and no framework takes another."""

import os

DEVICE = os.environ.get("ASSAY_DEVICE", "cpu")
