"""Whom a command asks: flags, the environment, a profile."""
import json
import os
import socket

from command_line import holds, k, run, same, topic

def whom_to_ask():
    t = topic()
    first = k.servers.split(",")[0]
    silent = socket.socket()  # accepts and never says a word
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    mute = "127.0.0.1:%d" % silent.getsockname()[1]
    for servers in (f"127.0.0.1:1,{first}", f"{first},127.0.0.1:1", f"127.0.0.1:1,{mute},{first}"):
        holds(t, run("-s", servers, "topic", "list", "-o", "names", servers=False).out.decode())
        run("-s", servers, "produce", t, stdin=b"x\n", servers=False)
    run("-s", "127.0.0.1:1", "-s", first, "topic", "list", servers=False)
    for words in (["topic", "list"], ["cat", t], ["health"], ["status"], ["broker", "list"],
                  ["topic", "create", "x"], ["topic", "delete", t], ["bench", "produce", "-t", t]):
        done = run("-s", "127.0.0.1:1,127.0.0.1:2", *words, "--timeout", "300ms", servers=False,
                   code=4)
        holds("error[unreachable]", done.err)
        holds("asked 127.0.0.1:1,127.0.0.1:2 (from --server)", done.err)
        holds("strandlog dev up", done.err)
    done = run("-s", "127.0.0.1:1", "produce", t, "-o", "json", "--timeout", "300ms", stdin=b"a\n",
               servers=False, code=4)
    same(done.summary()["acked"], 0)
    for bad in ("", ",", "host", "host:", ":1", "host:0", "host:65536", "host:x"):
        run("-s", bad, "topic", "list", servers=False, code=2)
    silent.close()


def servers_from_environment_and_profile():
    t = topic()
    ask = lambda env, *words, code=0: run("topic", "list", "-o", "names", *words, env=env,
                                          servers=False, code=code)
    holds(t, ask(k.env).out.decode())  # dev up has selected the profile
    nowhere = {**k.env, "XDG_CONFIG_HOME": k.path("nowhere")}
    holds("127.0.0.1:7400 (from default)", ask(nowhere, "--timeout", "200ms", code=4).err)
    env = {**nowhere, "STRANDLOG_SERVERS": k.servers}
    holds(t, ask(env).out.decode())
    holds(f"asking {k.servers} (from STRANDLOG_SERVERS)", ask(env, "-v").err)
    holds("from STRANDLOG_SERVERS", ask({**env, "STRANDLOG_SERVERS": "127.0.0.1:1"}, "--timeout",
                                        "200ms", code=4).err)
    holds(t, ask({**k.env, "STRANDLOG_SERVERS": ""}).out.decode())  # empty is as good as unset
    holds("(from STRANDLOG_SERVERS)", ask({**env, "STRANDLOG_SERVERS": "garbage"}, code=2).err)
    holds("STRANDLOG_SERVERS names no broker", ask({**env, "STRANDLOG_SERVERS": ","}, code=2).err)
    holds(t, ask({**env, "STRANDLOG_OTHER": "x"}).out.decode())
    os.makedirs(k.path("profiled/strandlog"))
    profile = k.path("profiled/strandlog/profile")
    env = {**k.env, "XDG_CONFIG_HOME": k.path("profiled")}
    with open(profile, "w") as out:
        out.write(f"# mine\nserver = {k.servers}\noutput = json\n")
    holds(t, ask(env).out.decode())
    json.loads(run("topic", "list", env=env, servers=False).out)
    for text in ("servr = x\n", "server\n", "partitions = 3\n", "output = yaml\n"):
        with open(profile, "w") as out:
            out.write(text)
        done = ask(env, code=2)
        holds(f"{profile}:1", done.err)
        holds("mend or delete", done.err)


ROWS = (whom_to_ask, servers_from_environment_and_profile)
