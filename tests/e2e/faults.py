"""Rules for faults.cc: what goes wrong once in a release binary, and names for where it can die.

A name is a kind of call and a pattern of the file's path, below a broker's directory.
"""
import os

FAILPOINTS = {
    # a round: one write, one flush; a base image begins a file in the same way
    "journal-write": ("write", "journal/*.jnl"),
    "journal-flush": ("flush", "journal/*.jnl"),
    "journal-grow": ("allocate", "journal/*.jnl"),
    "journal-directory": ("flush", "journal"),
    # filing what stands in the journal; a checkpoint flushes it before journal files are used again
    "segment-write": ("write", "partitions/*.seg"),
    "segment-flush": ("flush", "partitions/*.seg"),
    "segment-directory": ("flush", "partitions/*[0-9]"),
    "partitions-directory": ("flush", "partitions"),
    "segment-remove": ("remove", "partitions/*"),
    # whose directory it is
    "format-rename": ("rename", "FORMAT"),
    "identity-write": ("write", "identity.new"),
    "identity-rename": ("rename", "identity"),
    # tables that can be computed again
    "state-write": ("write", "state/*"),
    "state-rename": ("rename", "state/CURRENT"),
}


def set_rule(file, directory, failpoint, action, nth=1):
    """From now on, until it has happened; `directory` is the broker's, or a pattern of it."""
    call, pattern = FAILPOINTS[failpoint]
    with open(file + ".next", "w") as out:
        out.write(f"{call} {os.path.join(directory, pattern)} {nth} {action}\n")
    os.rename(file + ".next", file)


def has_happened(file):
    return not os.path.exists(file)


def forget(file):
    """Whether it had not happened yet; then it will not."""
    try:
        os.unlink(file)
        return True
    except FileNotFoundError:
        return False
