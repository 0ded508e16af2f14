"""Means: what the brokers of a run stand on, as the machine says it, so that a report can say it, too.

A library that was not preloaded and a loop device that could not be had would leave a run as good as
the others, but for the faults that met nobody.
"""
import os

MOUNTS, PROC = "/proc/mounts", "/proc"


def in_namespace(process):
    """Whether its network is not ours."""
    return os.readlink(f"{PROC}/{process}/ns/net") != os.readlink(f"{PROC}/self/ns/net")


def has_preloaded(process, library):
    with open(f"{PROC}/{process}/maps") as maps:
        return any(line.rstrip().endswith("/" + library) for line in maps)


def mounted(directory):
    """The device and the kind of file system that is mounted there; None: none is."""
    with open(MOUNTS) as lines:
        found = [line.split()[:3] for line in lines]
    return next((f"{kind} on {device}" if device.startswith("/") else kind
                 for device, at, kind in found if at == directory), None)


def of(k, no_loop_device=None):
    """Of brokers that are up. The reason, if there is one, is why none is on a loop device."""
    found = {"namespaces": [b for b in k.all() if in_namespace(k.pid(b))],
             "faults_preloaded": [b for b in k.all() if has_preloaded(k.pid(b), "faults.so")],
             "proxied": sorted(k.doors),
             "volumes": {b: mounted(k.data(b)) for b in sorted(k.volumes)}}
    return {**found, "no_loop_device": no_loop_device} if no_loop_device else found


def missing(means, brokers):
    """What a run cannot do without; of loop devices the report says it."""
    return [f"of brokers 1 to {brokers} only {means[name]} {what}"
            for name, what in (("namespaces", "are in a network namespace of their own"),
                               ("faults_preloaded", "have faults.so preloaded"))
            if len(means[name]) < brokers]


def words(means):
    def some(brokers):
        if not brokers:
            return "no broker"
        return ("brokers " if len(brokers) > 1 else "broker ") + ", ".join(map(str, brokers))

    parts = [f"{some(means['namespaces'])} in namespaces of their own",
             f"{some(means['faults_preloaded'])} with faults.so",
             f"{some(means['proxied'])} behind a proxy"]
    parts += [f"broker {b}: {volume or 'no disk of its own'}"
              for b, volume in means["volumes"].items()]
    if "no_loop_device" in means:
        parts.append(f"no broker on a loop device: {means['no_loop_device']}")
    return "; ".join(parts)
