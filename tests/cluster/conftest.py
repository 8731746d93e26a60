"""The scenarios need a cluster and minutes: `make e2e` asks for them, two of its kin for one that stands alone."""

import os

ALONE = {"chaos": "scenarios/test_chaos.py", "serving": "scenarios/test_around_an_answer.py"}

asked = os.environ.get("HEADGATE_E2E", "")
collect_ignore = [file for name, file in ALONE.items() if name != asked] if asked else ["scenarios"]
