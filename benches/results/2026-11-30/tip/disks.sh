#!/bin/bash
# What the example `node` says of damaged, foreign, read-only and full data directories.
# As root (it mounts small file systems): disks.sh [path of the node program]
N=$(realpath "${1:-target/release/examples/node}")
W=$(mktemp -d); cd "$W"; trap 'cd /; rm -rf "$W"' EXIT
run() { # title, seconds, args…
  echo; echo "## $1"; shift; local s=$1; shift
  (sleep $s; echo standing; echo quit) | timeout 20 $N "$@" --bind 127.0.0.1:7391 2>&1 | grep -v -E '"event":"(ready|verdict)"' | cut -c1-420 | sed "s#$W/##g"
  echo "exit status ${PIPESTATUS[1]}"
}
base="--cluster c --name n1 --voters n1 --lease 1s"
run "a first start" 1 $base --data d
ls -l --time-style=+ d | awk '{print $5, $7}'
run "a second start, from the same disk" 1 $base --data d
F=$(ls d | grep -v lock | head -1); echo "(the file is $F, $(stat -c %s d/$F) bytes)"
for what in torn truncated empty corrupt garbage; do
  cp -a d x; f=x/$F; n=$(stat -c %s $f)
  case $what in
    torn) head -c $((n/2)) $f >x/t; head -c $((n-n/2)) /dev/zero >>x/t; mv x/t $f;;
    truncated) truncate -s $((n-1)) $f;;
    empty) truncate -s 0 $f;;
    corrupt) printf '\xff' | dd of=$f bs=1 seek=$((n/2)) conv=notrunc status=none;;
    garbage) head -c $n /dev/urandom >$f;;
  esac
  run "$what" 0.5 $base --data x; rm -rf x
done
run "of another node" 0.5 --cluster c --name n2 --voters n2 --lease 1s --data d
run "of another cluster" 0.5 --cluster other --name n1 --voters n1 --lease 1s --data d
mkdir ro; mount -t tmpfs -o size=64k tmpfs ro; cp -a d/. ro/; mount -o remount,ro ro
run "read-only file system" 0.5 $base --data ro; umount ro
mkdir ro2; mount -t tmpfs -o size=64k tmpfs ro2; cp -a d/. ro2/
echo; echo "## becomes read-only while the node runs"
( sleep 1.5; mount --bind ro2 ro2; mount -o remount,bind,ro ro2; sleep 0.2; echo acquire db; sleep 1.5; echo standing; sleep 0.2; echo quit ) | timeout 20 $N $base --data ro2 --bind 127.0.0.1:7391 2>&1 | grep -v -E '"event":"(ready|verdict)"' | cut -c1-420
umount ro2; umount ro2
mkdir full; mount -t tmpfs -o size=16k tmpfs full; cp -a d/. full/ ; dd if=/dev/zero of=full/ballast bs=1k count=64 status=none 2>/dev/null
run "full before the start" 0.5 $base --data full; umount full
