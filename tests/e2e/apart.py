"""Brokers apart: each in a network namespace of its own, with its own disk, faults and proxy.

The same verbs as those of a cluster made by `strandlog dev`; clients run in a namespace, too.
"""
import contextlib
import os
import signal
import subprocess

import cluster as c
import netns
import proxy

CLIENT_PORT, PEER_PORT = 7400, 7500
CLIENTS = "clients"
STOP_SECONDS = 30


class Apart(c.Cluster):
    """`small_disks`: kind and bytes of the volume for a broker's directory, by broker, which is
    `volumes[broker]` then. `proxied`: brokers that others reach through a proxy, `doors[broker]`."""

    def __init__(self, brokers=3, settings=None, small_disks=None, proxied=()):
        super().__init__(brokers, settings)
        self.net = netns.Net([*range(1, brokers + 1), CLIENTS])
        self.inside = self.net.inside(CLIENTS)
        self.small_disks, self.proxied = small_disks or {}, proxied
        self.processes, self.doors, self.volumes = {}, {}, {}
        self.undo = contextlib.ExitStack()

    @property
    def servers(self):
        return ",".join(f"{self.net.address(b)}:{CLIENT_PORT}" for b in self.all())

    def all(self):
        return range(1, self.brokers + 1)

    def __enter__(self):
        try:
            self.undo.enter_context(self.net)
            os.mkdir(self.dir)
            for broker in self.all():
                self.make_room(broker)
                self.open_door(broker)
                self.start(broker)
            for broker in self.all():
                self.wait_for_answer(broker)
            self.run("cluster", "found", "-s", self.servers)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def make_room(self, broker):
        os.mkdir(self.data(broker), 0o700)
        if broker in self.small_disks:
            kind, size = self.small_disks[broker]
            self.volumes[broker] = kind(self.data(broker), size)
            self.undo.callback(self.volumes[broker].close)

    def open_door(self, broker):
        if broker not in self.proxied:
            return
        self.doors[broker] = proxy.Door(self.net.inside(broker),
                                        f"{self.net.address(broker)}:{PEER_PORT}",
                                        f"127.0.0.1:{PEER_PORT}")
        self.undo.callback(self.doors[broker].close)

    def __exit__(self, kind, error, trace):
        with self.undo:
            for broker in self.all():
                self.kill(broker)
        self.forget(error)

    # ----------------------------------------------------------------------------------- brokers

    def arguments(self, broker):
        address = self.net.address(broker)
        peer = "127.0.0.1" if broker in self.proxied else address
        seeds = ",".join(f"{self.net.address(b)}:{PEER_PORT}" for b in self.all())
        return ["--broker.id", str(broker), "--data.dir", self.data(broker),
                "--listen", f"{address}:{CLIENT_PORT}", "--listen.peer", f"{peer}:{PEER_PORT}",
                "--advertise.peer", f"{address}:{PEER_PORT}", "--seeds", seeds,
                "--security.allow.plaintext=true"]

    def rule_file(self, broker):
        return self.path(f"broker-{broker}.fault")

    def start(self, broker):
        if self.is_up(broker):
            return
        environment = {**self.env, "FAULT_RULE": self.rule_file(broker),
                       "LD_PRELOAD": os.path.join(c.BIN, "faults.so")}
        with open(os.path.join(self.dir, f"broker-{broker}.log"), "ab") as log:
            self.processes[broker] = subprocess.Popen(
                [*self.net.inside(broker), os.path.join(c.BIN, "strandlogd"),
                 *self.arguments(broker)], env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)

    def is_up(self, broker):
        return broker in self.processes and self.processes[broker].poll() is None

    def wait_for_answer(self, broker):
        c.wait_for(f"broker {broker} answers",
                   lambda: self.on_broker(broker, "--timeout", "1s", "status", code=None)
                   .returncode == 0)

    def on_broker(self, broker, *words, **more):
        return self.run("-s", self.server(broker), *words, **more)

    def pid(self, broker):
        return self.processes[broker].pid

    def signal(self, broker, number):
        if self.is_up(broker):
            self.processes[broker].send_signal(number)

    def kill(self, broker):
        self.signal(broker, signal.SIGKILL)
        if broker in self.processes:
            self.processes[broker].wait()

    def stop(self, broker):
        self.signal(broker, signal.SIGTERM)
        self.signal(broker, signal.SIGCONT)
        code = self.processes[broker].wait(timeout=STOP_SECONDS)
        c.require(code == 0, f"broker {broker} ended with {code} after SIGTERM")

    def pause(self, broker):
        self.signal(broker, signal.SIGSTOP)

    def resume(self, broker):
        self.signal(broker, signal.SIGCONT)

    def dev(self, verb, *brokers):
        for broker in self.all() if brokers == ("all",) else brokers:
            getattr(self, verb)(broker)
