#!/usr/bin/env python3
"""Brokers in network namespaces: cut off, cut one way, under loss, and told old things again.

Every row runs under a load whose history is checked at the end: nothing acknowledged is lost or out
of order, no consumer saw anything else. Where `ip netns add` does not work the rows are skipped;
where it works, all of them must hold.
"""
import functools
import subprocess
import time

import apart
import cluster as c
import load
import netns

CUT_SECONDS = 2  # several election timeouts
LOSS_PERCENT, LOSS_SECONDS = 30, 3


def with_brokers_apart(row=None, **options):
    """Runs the row on three brokers under a load of one partition."""
    if row is None:
        return functools.partial(with_brokers_apart, **options)

    @functools.wraps(row)
    def wrapped():
        reason = netns.missing()
        if reason:
            raise c.Skipped(f"no network namespaces here: {reason}")
        with apart.Apart(**options) as k, load.Load(k, 1, clients=3) as records:
            records.flows()
            row(k, records)
            k.net.heal()
            c.wait_for("every replica in sync",
                       lambda: all(k.in_sync(load.TOPIC, b) for b in k.all()))
            records.flows("records are acknowledged in the end")
    return wrapped


def term(k):
    partitions = k.partitions(load.TOPIC)
    return partitions[0]["term"] if partitions else 0


def new_leader(k, old):
    return c.wait_for(f"a leader beside broker {old}",
                      lambda: next((b for b in [k.leader(load.TOPIC)] if b not in (None, old)), 0))


def no_term_jump(k, before, why):
    """One election may happen on a busy machine; a broker that campaigns alone makes many terms."""
    grown = c.wait_for("a leader's term is known", lambda: term(k)) - before
    c.report(f"elections {why}", grown, "", limit=0)
    c.require(grown <= 1, f"the term grew by {grown} {why}")


def none_succeeds_alone(k, broker, *commands):
    """Commands beside a broker that nobody else reaches, at once, while it thinks that it leads."""
    running = [subprocess.Popen([*k.net.inside(broker), k.tool, "-s", k.server(broker), "--timeout",
                                 "2s", *words], env=k.env, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for words in commands]
    for words, process in zip(commands, running):
        out, err = process.communicate(b"alone\n", timeout=c.DEADLINE)
        said = err.decode(errors="replace").strip().splitlines() or ["nothing"]
        print(f"   {words[0]} alone: exit {process.returncode}, {said[0][:100]!r}", flush=True)
        c.require(process.returncode != 0, f"{words[0]} through the isolated leader: {out[:200]}")


@with_brokers_apart
def isolated_leader_acknowledges_nothing(k, records):
    """Nor does it serve a read up to the end; what it took is gone when it is back (N1)."""
    old = k.leader(load.TOPIC)
    k.net.isolate(old)
    none_succeeds_alone(k, old,
                        ("produce", load.TOPIC, "-p", "0", "--patience", "2s"),
                        ("consume", load.TOPIC, "-p", "0", "--from", "start", "--to", "end"))
    new_leader(k, old)
    records.flows("the others acknowledge")


@with_brokers_apart
def isolated_follower_changes_nothing(k, records):
    """It may not campaign its way into later terms while it is away (N2)."""
    leader, before = k.leader(load.TOPIC), term(k)
    follower = next(b for b in k.all() if b != leader)
    rejoin = k.net.isolate(follower)
    time.sleep(CUT_SECONDS)
    records.flows("the others acknowledge")
    no_term_jump(k, before, "while a follower was away")
    rejoin()
    c.wait_for("it is back in sync", lambda: k.in_sync(load.TOPIC, follower))
    no_term_jump(k, before, "until it was back")


@with_brokers_apart
def one_way_cuts_are_survived(k, records):
    """A leader that hears nobody, one that nobody hears, and a follower that hears nobody (N3)."""
    for what in ("hears nobody", "is heard by nobody"):
        leader = k.leader(load.TOPIC)
        print(f"   leader {leader} {what}", flush=True)
        for other in k.all():
            if other != leader:
                k.net.cut_one_way(*((other, leader) if what == "hears nobody" else (leader, other)))
        new_leader(k, leader)
        records.flows("records are acknowledged without it")
        k.net.heal()
        c.wait_for("it follows", lambda: k.in_sync(load.TOPIC, leader))
    leader, before = k.leader(load.TOPIC), term(k)
    deaf = next(b for b in k.all() if b != leader)
    for other in k.all():
        if other != deaf:
            k.net.cut_one_way(other, deaf)
    time.sleep(CUT_SECONDS)
    records.flows("records are acknowledged beside a deaf follower")
    no_term_jump(k, before, "beside a deaf follower")


@with_brokers_apart
def loss_breaks_nothing(k, records):
    """Of everything that reaches a broker chance takes a part (N6)."""
    before, acked = term(k), records.acked()
    for broker in k.all():
        k.net.lose(broker, LOSS_PERCENT)
    time.sleep(LOSS_SECONDS)
    c.report(f"acknowledged within {LOSS_SECONDS} s of {LOSS_PERCENT} % loss",
             records.acked() - acked, "records")
    k.net.heal()
    records.flows("records are acknowledged after the loss")
    c.report("elections under loss", term(k) - before, "")


@with_brokers_apart(proxied=(1, 2, 3))
def old_frames_on_new_connections_are_harmless(k, records):
    """What brokers said to each other is said again, connections are reset and stalled (N8)."""
    for broker in k.all():
        k.doors[broker].tell("delay", 20)
        # A connection may be too young to have said much, and a busy broker answers late.
        again = c.wait_for(f"what broker {broker} was told is said to it again",
                           lambda: k.doors[broker].tell("replay"))
        records.flows(f"what {again} connections said to broker {broker} is said again")
        ended = c.wait_for(f"connections of broker {broker} are reset",
                           lambda: k.doors[broker].tell("reset"))
        k.doors[broker].tell("replay")
        records.flows(f"{ended} connections of broker {broker} were reset")
        k.doors[broker].tell("delay", 0)
    for direction in ("in", "out"):
        leader = k.leader(load.TOPIC)
        k.doors[leader].tell("stall", direction)
        time.sleep(CUT_SECONDS)
        k.doors[leader].tell("stall", "no")
        records.flows(f"after {CUT_SECONDS} s of stalled bytes, {direction} of the leader")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (
        isolated_leader_acknowledges_nothing, isolated_follower_changes_nothing,
        one_way_cuts_are_survived, loss_breaks_nothing,
        old_frames_on_new_connections_are_harmless)})
