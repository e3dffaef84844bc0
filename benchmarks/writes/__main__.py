"""`python -m benchmarks.writes`."""

import sys

from benchmarks.writes.run import main

sys.exit(main())
