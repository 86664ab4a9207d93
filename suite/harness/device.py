"""Where a framework computes: the target's image says it (images/targets/), and no framework takes another device."""

import os

DEVICE = os.environ.get("ASSAY_DEVICE", "cpu")
