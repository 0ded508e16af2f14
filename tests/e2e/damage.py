"""Damage to the files of a broker that is stopped: a flipped bit, a page of zeros, a cut end."""
import os

PAGE = 4096


def flip(path, at, bit=0):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def zero(path, at, size=PAGE):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes(size))


def cut(path, at):
    os.truncate(path, at)


def segments(directory, uid):
    """Those of a replica that hold more than a few pages, oldest first."""
    folder = os.path.join(directory, "partitions", str(uid))
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if name.endswith(".seg") and os.path.getsize(os.path.join(folder, name)) > 4 * PAGE]
