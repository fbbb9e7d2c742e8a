"""`bickd` with slow steps, which takes its signals in the middle of one: `slow_command.py SECONDS
arguments-of-bickd`.

Every step prints "a step begins", and takes SECONDS longer.
"""

import sys
import time

from bickd_cli.main import main
from bickd_core.training import engine


def slow_main():
    seconds, original = float(sys.argv[1]), engine.train_step

    def slow(job, picked, at):
        print("a step begins", flush=True)
        time.sleep(seconds)
        return original(job, picked, at)

    engine.train_step = slow
    main(sys.argv[2:])


if __name__ == "__main__":
    slow_main()
