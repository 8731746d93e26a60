"""The scenarios need a cluster and minutes: `make e2e` asks for them, `make e2e-chaos` for the one that kills."""

import os

asked = os.environ.get("HEADGATE_E2E", "")
collect_ignore = {"": ["scenarios"], "chaos": []}.get(asked, ["scenarios/test_chaos.py"])
