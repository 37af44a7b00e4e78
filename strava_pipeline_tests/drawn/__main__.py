"""See __init__.py."""

import sys

from strava_pipeline_tests.drawn import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
