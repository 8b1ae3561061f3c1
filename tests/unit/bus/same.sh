#!/bin/sh
# Does the program print exactly this file?
"$1" | diff -u "$2" - && exit 0
echo "the page is stale: run '$1 > docs/bus.md'"
exit 1
