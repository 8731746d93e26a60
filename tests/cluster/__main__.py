"""`python -m cluster build [NAME…]`."""

import sys

from cluster.build import build

if __name__ == "__main__":
    build(sys.argv[2:])
