"""``python3 -m stepgrad``."""

import sys

from stepgrad.cli import main

sys.exit(main())
