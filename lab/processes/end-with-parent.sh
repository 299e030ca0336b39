#!/bin/sh
# Reads process ids, one a line. When its input ends, because the lab was stopped or because the process that started
# it died in whatever way, it ends the process group of each id and removes the lab's folder, $1.
trap '' INT HUP TERM
pids=
while read -r pid; do pids="$pids $pid"; done

for pid in $pids; do kill -s TERM -- "-$pid" 2>/dev/null; done

# Not longer: nothing of a lab is worth a clean end, and a process that nobody has reaped yet looks alive.
alive=$pids
for _ in 1 2 3 4 5 6 7 8; do
  still=
  for pid in $alive; do kill -s 0 -- "-$pid" 2>/dev/null && still="$still $pid"; done
  alive=$still
  [ -z "$alive" ] && break
  sleep 0.05
done
for pid in $alive; do kill -s KILL -- "-$pid" 2>/dev/null; done

# What a killed Squid leaves in shared memory, named after its service, $2.
[ -d /dev/shm ] && rm -f -- "/dev/shm/$2"-*
rm -rf -- "$1"
