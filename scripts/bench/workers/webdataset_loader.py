"""Read tar shards as webdataset's users do: pipe:curl, one worker process per share of the shards.

Usage: webdataset_loader.py WORKERS URL...; prints one line of JSON. With torch the workers are those of its DataLoader;
without, processes that send lists of samples through a pipe, which costs them less than torch's queue of single samples.
"""
import json
import multiprocessing
import resource
import sys
import time

import webdataset


def shards(urls):
    return [f"pipe:curl -s -f {url}" for url in urls]


def dataset(urls):
    return webdataset.WebDataset(shards(urls), shardshuffle=False, nodesplitter=lambda source: source, empty_check=False)


def read(urls, pipe):
    batch = []
    for sample in dataset(urls):
        batch.append(sample)
        if len(batch) == 64:
            pipe.send(batch)
            batch = []
    pipe.send(batch)
    pipe.send(None)
    pipe.close()


def with_processes(workers, urls):
    context = multiprocessing.get_context("fork")
    pipes = []
    started = []
    for rank in range(workers):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=read, args=(urls[rank::workers], theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        started.append(process)
    while pipes:
        for pipe in multiprocessing.connection.wait(pipes):
            batch = pipe.recv()
            if batch is None:
                pipes.remove(pipe)
            else:
                yield from batch
    for process in started:
        process.join()


def with_torch(workers, urls):
    import torch.utils.data

    return torch.utils.data.DataLoader(dataset(urls), batch_size=None, num_workers=workers)


def cpu():
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main():
    workers, urls = int(sys.argv[1]), sys.argv[2:]
    try:
        import torch  # noqa: F401

        loader = with_torch
    except ImportError:
        loader = with_processes
    begun, used = time.perf_counter(), cpu()
    count = total = 0
    for sample in loader(workers, urls):
        count += 1
        total += len(sample["bin"])
    wall, used = time.perf_counter() - begun, cpu() - used
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ops": count, "bytes": total, "wallMs": wall * 1000, "cpuMs": used * 1000, "rssMiB": rss}))


if __name__ == "__main__":
    main()
