"""``python -m hekla`` is the ``hekla`` command."""

import sys

from hekla.cli import main

if __name__ == "__main__":
    sys.exit(main())
