#!/bin/sh
# Reads process ids, one a line. When its input ends, because the lab was stopped or because the process that started
# it died in whatever way, it ends the process group of each id and removes the lab's folder, $1.
trap '' INT HUP TERM
pids=
while read -r pid; do pids="$pids $pid"; done

# Samba starts this one on demand, in a group of its own.
for file in "$1"/samba/pid/samba-dcerpcd*.pid; do
  [ -f "$file" ] && kill -s TERM "$(cat "$file")" 2>/dev/null
done
for pid in $pids; do kill -s TERM -- "-$pid" 2>/dev/null; done

alive=$pids
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  still=
  for pid in $alive; do kill -s 0 -- "-$pid" 2>/dev/null && still="$still $pid"; done
  alive=$still
  [ -z "$alive" ] && break
  sleep 0.05
done
for pid in $alive; do kill -s KILL -- "-$pid" 2>/dev/null; done
rm -rf -- "$1"
