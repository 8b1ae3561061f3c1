#!/usr/bin/env python3
"""Writes rows of a table into docs/soak.md: each in the place of the row of the same name, or at the end.

usage: rows.py DOC ROWS MACHINE
"""
import sys

HEAD = ["# Soak", "", "", "", "| what | how often | outcome | when, and how far into its part |", "|---|---|---|---|"]


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def main():
    doc, rows, machine = sys.argv[1:]
    with open(doc) as file:
        lines = file.read().split("\n")
    table = [cells(line) for line in lines if line.startswith("| ") and not line.startswith("| what")]
    notes = "\n".join(lines[max([i for i, line in enumerate(lines) if line.startswith("|")], default=3) + 1:]).strip()
    with open(rows) as file:
        new = [cells(line) for line in file if line.startswith("|")]
    for row in new:
        at = next((i for i, old in enumerate(table) if old[0] == row[0]), None)
        if at is None:
            table.append(row)
        else:
            table[at] = row
    HEAD[2] = f"What `./soak` measured last, row by row ({machine}). `./soak --only PART` runs a part again."
    for row in table:
        row += [""] * (4 - len(row))
    with open(doc, "w") as file:
        file.write("\n".join(HEAD + ["| " + " | ".join(row) + " |" for row in table]) + "\n")
        if notes:
            file.write("\n" + notes + "\n")


main()
