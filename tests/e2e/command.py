#!/usr/bin/env python3
"""The command, flag by flag: what each one does, what it prints, what it leaves with.

All rows share one cluster; rows about `dev` make their own small ones. `command.py ROW…` runs some.
"""
import sys

import cluster as c
import command_consume
import command_dev
import command_ends
import command_line
import command_produce
import command_servers
import command_words

GROUPS = (command_produce, command_consume, command_ends, command_servers, command_words,
          command_dev)


def all_on_one_cluster():
    rows = {row.__name__: row for group in GROUPS for row in group.ROWS}
    if "--list" in sys.argv:
        return c.main(rows)
    with c.Cluster() as command_line.k.cluster:
        try:
            c.main(rows)
        except SystemExit as leaving:
            if leaving.code == 1:
                raise c.Failed("see above") from None  # keeps the cluster's directory
            raise


if __name__ == "__main__":
    all_on_one_cluster()
