"""Hand an array of so many MiB to two joblib workers, which read one element of each page; so many times, each time another array."""
import json
import resource
import sys
import time

import numpy
from joblib import Parallel, delayed


def touch(array):
    return float(array[::512].sum())


def main():
    mebibytes, rounds = int(sys.argv[1]), int(sys.argv[2])
    length = mebibytes * 2**20 // 8
    wall = 0.0
    with Parallel(n_jobs=2, max_nbytes='1M') as parallel:
        parallel(delayed(touch)(numpy.zeros(8)) for _ in range(2))
        for number in range(rounds):
            array = numpy.full(length, number + 1.0)
            began = time.perf_counter()
            totals = parallel(delayed(touch)(array) for _ in range(2))
            wall += time.perf_counter() - began
            assert totals == [(number + 1.0) * ((length + 511) // 512)] * 2
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in usage)
    print(json.dumps({'ops': rounds, 'bytes': 2 * rounds * length * 8, 'wallMs': wall * 1000, 'cpuMs': cpu * 1000, 'rssMiB': usage[0].ru_maxrss / 1024}))


main()
