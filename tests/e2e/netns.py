"""A network of namespaces: each host its own, all on one bridge, with faults between them.

Nothing of the machine's own network is touched: the bridge lives in a namespace, too. Faults act
where packets arrive, so that one direction can be cut alone. Names hold the pid of their maker; what
a maker left that is gone is removed by the next one.
"""
import collections
import os
import re
import signal
import subprocess

PREFIX = "strandlog"
SUBNET = "10.77.0"


def run(*words, text=""):
    done = subprocess.run(words, input=text.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: "
                           f"{done.stderr.decode(errors='replace').strip()}\n{text}")
    return done.stdout.decode(errors="replace")


def missing():
    """Why there can be no namespaces at all; empty: there can. All else must work, then."""
    name = f"{PREFIX}-{os.getpid()}-probe"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "delete", name)
        return ""
    except (OSError, RuntimeError) as error:
        return str(error).strip()


def remove(name):
    """A namespace of ours, with whatever still runs in it."""
    for pid in run("ip", "netns", "pids", name).split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended meanwhile
    run("ip", "netns", "delete", name)


def remove_leftovers():
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        made = re.fullmatch(rf"{PREFIX}-(\d+)-\w+", name)
        if made and not os.path.exists(f"/proc/{made[1]}"):
            remove(name)


class Net:
    """From entering to leaving. `hosts` are names; their addresses count from 1 in that order."""

    def __init__(self, hosts):
        self.hosts = [str(host) for host in hosts]
        self.cuts = collections.Counter()  # (from, to): how many stand
        self.losses = {}  # percent of what arrives, by host
        self.rates = {}  # what a host may send, by host

    def __enter__(self):
        remove_leftovers()
        made = []
        try:
            for name in ["hub", *self.hosts]:
                run("ip", "netns", "add", self.name(name))
                made.append(name)
            hub = self.name("hub")
            run("ip", "-n", hub, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", hub, "link", "set", "bridge", "up")
            for host in self.hosts:
                self.plug_in(host)
        except BaseException:
            for name in made:
                remove(self.name(name))
            raise
        return self

    def plug_in(self, host):
        hub, there = self.name("hub"), self.name(host)
        run("ip", "-n", hub, "-batch", "-", text=f"""
            link add port-{host} type veth peer name eth0 netns {there}
            link set port-{host} master bridge
            link set port-{host} up""")
        run("ip", "-n", there, "-batch", "-", text=f"""
            addr add {self.address(host)}/24 dev eth0
            link set lo up
            link set eth0 up""")

    def __exit__(self, *_):
        for name in [*self.hosts, "hub"]:
            remove(self.name(name))

    def name(self, host):
        return f"{PREFIX}-{os.getpid()}-{host}"

    def address(self, host):
        return f"{SUBNET}.{self.hosts.index(str(host)) + 1}"

    def inside(self, host):
        """The words in front of a command that shall run there."""
        return ["ip", "netns", "exec", self.name(host)]

    # ------------------------------------------------------------------------------------ faults

    # Each of these returns what ends it, to be called once and not after heal(); cuts of the same
    # two add up.

    def cut(self, one, other):
        return self.together(self.cut_one_way(one, other), self.cut_one_way(other, one))

    def cut_one_way(self, sender, receiver):
        """Nothing that the one sends reaches the other."""
        pair = (str(sender), str(receiver))
        self.cuts[pair] += 1
        self.filter(receiver)
        return lambda: self.mend(*pair)

    def isolate(self, host):
        return self.together(*[self.cut(host, other) for other in self.hosts
                               if other != str(host)])

    @staticmethod
    def together(*ends):
        def end():
            for one in ends:
                one()
        return end

    def mend(self, sender, receiver):
        self.cuts[sender, receiver] -= 1
        self.filter(receiver)

    def lose(self, host, percent):
        """Of what arrives at the host, chance takes so much."""
        self.losses[str(host)] = percent
        self.filter(host)

    def limit(self, host, rate):
        """What the host may send: "1mbit"; none: as much as it likes."""
        device = ("dev", "eth0", "root")
        if rate:
            self.rates[str(host)] = rate
            run("tc", "-n", self.name(host), "qdisc", "replace", *device, "tbf", "rate", rate,
                "burst", "32kb", "latency", "200ms")
        elif self.rates.pop(str(host), None):
            run("tc", "-n", self.name(host), "qdisc", "delete", *device)

    def heal(self):
        self.cuts.clear()
        self.losses.clear()
        for host in self.hosts:
            self.filter(host)
            self.limit(host, None)

    def filter(self, receiver):
        """Makes the receiver's filter what cuts and losses say, in one step."""
        rules = [f"ip saddr {self.address(sender)} drop" for sender, to in sorted(+self.cuts)
                 if to == str(receiver)]
        if self.losses.get(str(receiver)):
            rules.append(f"numgen random mod 100 < {self.losses[str(receiver)]} drop")
        run(*self.inside(receiver), "nft", "-f", "-", text=f"""
            table ip faults
            delete table ip faults
            table ip faults {{
              chain arriving {{
                type filter hook input priority 0;
                iif lo accept
                {"; ".join(rules)}
              }}
            }}""")
