"""Volumes: small file systems for brokers' directories, which others can fill.

`Memory` is a tmpfs; `Image` is ext4 in a file behind a loop device: real blocks, a real journal below
ours. Root is needed.
"""
import contextlib
import os
import subprocess


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Memory:
    TRIES = 100

    def __init__(self, path, size):
        self.path, self.size = path, size
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", path)

    def leave_free(self, size):
        """Shrinks around what is there; none: as large as it was."""
        for _ in range(self.TRIES):
            info = os.statvfs(self.path)
            used = (info.f_blocks - info.f_bfree) * info.f_frsize
            limit = self.size if size is None else used + size
            with contextlib.suppress(subprocess.CalledProcessError):  # it grew meanwhile
                return run("mount", "-o", f"remount,size={limit}", self.path)
        raise OSError(f"{self.path} cannot be made {limit} bytes large")

    def close(self):
        run("umount", self.path)


class Image:
    FILLER = "filler"

    def __init__(self, path, size):
        self.path, self.image = path, path + ".img"
        with open(self.image, "wb") as image:
            image.truncate(size)
        run("mkfs.ext4", "-q", "-m", "0", self.image)
        run("mount", "-o", "loop", self.image, path)
        os.rmdir(os.path.join(path, "lost+found"))  # a broker formats nothing but empty directories
        os.chmod(path, 0o700)

    def leave_free(self, size):
        """Fills up to it; none: takes away what filled it."""
        filler = os.path.join(self.path, self.FILLER)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(filler)
        if size is None:
            return
        info = os.statvfs(self.path)
        free = info.f_bavail * info.f_frsize
        with open(filler, "wb") as file, contextlib.suppress(OSError):  # others write meanwhile
            os.posix_fallocate(file.fileno(), 0, max(1, free - size))

    def close(self):
        run("umount", self.path)
        os.unlink(self.image)


def no_images():
    """Why loop devices cannot be used here; none if they can."""
    try:
        run("losetup", "--find")
        run("mkfs.ext4", "-V")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{error} {getattr(error, 'stderr', b'').decode().strip()}".strip()
    return None
