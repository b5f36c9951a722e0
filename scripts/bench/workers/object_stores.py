"""Read an object store with fsspec's implementations (s3fs, gcsfs) or with obstore, as their users do.

Usage: object_stores.py LIBRARY WORK; LIBRARY: s3fs, gcsfs, obstore-s3, obstore-gcs; WORK: small, big, list, ranges.
The task comes as JSON through standard input; prints one line of JSON. CPU is that of all threads and of children.
"""
import asyncio
import ctypes
import json
import os
import resource
import signal
import sys
import time


def end_with_parent():
    """Whoever measures may be killed when it takes too long; on Linux we go with it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def cpu():
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Meter:
    def __init__(self):
        self.used = cpu()
        self.begun = time.perf_counter()

    def sample(self, ops, size):
        wall, used = time.perf_counter() - self.begun, cpu() - self.used
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"ops": ops, "bytes": size, "wallMs": wall * 1000, "cpuMs": used * 1000, "rssMiB": rss}


class Fsspec:
    """s3fs and gcsfs: asynchronous where many requests are in flight, else through their own thread."""

    def __init__(self, library, task):
        self.bucket = task["bucket"]
        self.options = {"skip_instance_cache": True}
        if library == "s3fs":
            from s3fs import S3FileSystem as implementation

            self.options.update(
                key=task["accessKeyId"],
                secret=task["secretAccessKey"],
                endpoint_url=task["endpoint"],
                client_kwargs={"region_name": task["region"]},
                config_kwargs={"s3": {"addressing_style": "path"}, "max_pool_connections": task["inFlight"]},
            )
        else:
            # Else it asks Google's control plane what kind of bucket this is, and waits 60 s for the answer.
            os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
            from gcsfs import GCSFileSystem as implementation

            self.options.update(token="anon", endpoint_url=task["endpoint"], project="bench")
        self.implementation = implementation

    def open(self, **options):
        return self.implementation(**self.options, **options)

    async def getter(self):
        fs = self.open(asynchronous=True)
        if hasattr(fs, "set_session"):
            await fs.set_session()

        async def get(key):
            return len(await fs._cat_file(f"{self.bucket}/{key}"))

        return get

    def whole(self):
        fs = self.open()
        return lambda key: len(fs.cat_file(f"{self.bucket}/{key}"))

    def lister(self):
        fs = self.open()
        return lambda: len(fs.find(self.bucket, detail=True))

    def ranger(self, task):
        fs = self.open()

        def read(key, starts, ends):
            count = len(starts)
            return fs.cat_ranges([f"{self.bucket}/{key}"] * count, starts, ends, batch_size=task["inFlight"])

        return read


class Obstore:
    def __init__(self, library, task):
        client = {"allow_http": True}
        if library == "obstore-s3":
            from obstore.store import S3Store

            self.store = S3Store(
                task["bucket"],
                endpoint=task["endpoint"],
                region=task["region"],
                access_key_id=task["accessKeyId"],
                secret_access_key=task["secretAccessKey"],
                client_options=client,
            )
        else:
            from obstore.store import GCSStore

            self.store = GCSStore(task["bucket"], config={"base_url": task["endpoint"], "skip_signature": True}, client_options=client)

    async def getter(self):
        async def get(key):
            return len(await (await self.store.get_async(key)).bytes_async())

        return get

    def whole(self):
        return lambda key: len(self.store.get(key).bytes())

    def lister(self):
        return lambda: sum(len(page) for page in self.store.list(chunk_size=1000))

    def ranger(self, task):
        return lambda key, starts, ends: self.store.get_ranges(key, starts=starts, ends=ends)


async def lanes(count, width, work):
    numbers = iter(range(count))

    async def lane():
        for number in numbers:
            await work(number)

    await asyncio.gather(*[lane() for _ in range(min(width, count))])


async def small(library, task):
    get = await library.getter()
    keys, total = task["keys"], 0

    async def one(number):
        nonlocal total
        length = await get(keys[number % len(keys)])
        total += length

    await lanes(min(2000, task["count"]), task["inFlight"], one)
    total = 0
    meter = Meter()
    await lanes(task["count"], task["inFlight"], one)
    return meter.sample(task["count"], total)


def big(library, task):
    get = library.whole()
    for key in task["keys"]:
        get(key)
    meter = Meter()
    return meter.sample(1, get(task["key"]))


def listing(library, task):
    find = library.lister()
    library.whole()(task["keys"][0])
    meter = Meter()
    return meter.sample(find(), 0)


def ranges(library, task):
    starts, ends = task["starts"], task["ends"]
    read = library.ranger(task)
    read(task["key"], starts[:200], ends[:200])
    meter = Meter()
    parts = read(task["key"], starts, ends)
    return meter.sample(len(parts), sum(len(part) for part in parts))


def main():
    end_with_parent()
    name, work = sys.argv[1:]
    task = json.load(sys.stdin)
    library = (Obstore if name.startswith("obstore") else Fsspec)(name, task)
    if work == "small":
        sample = asyncio.run(small(library, task))
    else:
        sample = {"big": big, "list": listing, "ranges": ranges}[work](library, task)
    # Threads and sessions that are still open would print complaints at the end.
    sys.stdout.write(json.dumps(sample) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
