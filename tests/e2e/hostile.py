#!/usr/bin/env python3
"""Hostile input: garbage on both ports, wrong commands, foreign directories, a full disk.

Every row prints what it saw. Where brokers are attacked, a produce of another topic goes on
meanwhile; it must end without a failure, and its lines must come back unchanged.
"""
import cluster as c
import hostile_disk
import hostile_ports
import hostile_starts
import hostile_words

GROUPS = (hostile_ports, hostile_words, hostile_starts, hostile_disk)

if __name__ == "__main__":
    c.main({row.__name__: row for group in GROUPS for row in group.ROWS})
