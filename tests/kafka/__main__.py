"""`python -m kafka fetch | pin`: bring the broker's jars; write down what they are after pom.xml changed."""

import sys

from kafka.jars import MissingError, jars, pin

try:
    if sys.argv[1:] == ["pin"]:
        pin()
    sys.stdout.write(f"{jars()}\n")
except MissingError as err:
    sys.exit(f"error: {err}")
