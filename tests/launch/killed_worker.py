"""A worker that is killed with SIGKILL before a given step: `killed_worker.py EPOCH STEP SECONDS
worker-arguments`.

It is the real worker, in a process of its own, but for the moment of its end and how often it
saves.
"""

import os
import signal
import sys

from bickd_core.training import engine, worker


def main():
    epoch, step, engine.CHECKPOINT_SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sys.argv = ["worker", *sys.argv[4:]]
    original = engine.train_step

    def killed(job, picked, at):
        if (at.epoch, at.step) == (epoch, step):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(job, picked, at)

    engine.train_step = killed
    worker.main()


if __name__ == "__main__":
    main()
