#!/bin/sh
# How long a clean `cargo build` of a program takes that uses only this client, against one that uses only crate `workos`,
# and how many packages each needs. Both with the same TLS back end, versions from this workspace's Cargo.lock, in turns, in a directory
# that is removed in the end.
#
#     tests/benches/build-time.sh [rounds [rustls|rustls-ring|native-tls]]
set -eu

rounds=${1:-3}
tls=${2:-rustls}
case $tls in
rustls | rustls-ring) official=rustls-tls ;;
native-tls) official=native-tls ;;
*)
    echo "no TLS back end: $tls" >&2
    exit 2
    ;;
esac
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# Their target directories must be their own, whatever the caller uses.
unset CARGO_TARGET_DIR

package() {
    mkdir -p "$work/$1/src"
    cp "$root/Cargo.lock" "$work/$1/Cargo.lock"
    echo 'fn main() {}' >"$work/$1/src/main.rs"
    printf '[package]\nname = "throwaway"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n%s\n[workspace]\n' "$2" \
        >"$work/$1/Cargo.toml"
    # Fetching and resolving is not building.
    (cd "$work/$1" && cargo fetch --quiet)
    # Without the throwaway package itself.
    count=$(cd "$work/$1" && cargo tree --offline -e normal --prefix none --no-dedupe | sed 's/ (.*//' | sort -u | wc -l)
    echo "$1: $((count - 1)) packages"
}

package ours "workos-directory-sync = { path = \"$root/crates/client\", default-features = false, features = [\"$tls\", \"tracing\", \"webhooks\"] }"
package workos "workos = { version = \"=3.5.0\", default-features = false, features = [\"$official\"] }"

round=1
while [ "$round" -le "$rounds" ]; do
    order='ours workos'
    if [ $((round % 2)) -eq 0 ]; then
        order='workos ours'
    fi
    for name in $order; do
        rm -rf "$work/$name/target"
        start=$(date +%s.%N)
        # What the build used of the processors tells more than the clock on a machine that others use too. It is the last line
        # of `times`, which a pipe would start anew.
        (cd "$work/$name" && cargo build --offline --quiet && times >"$work/times")
        used=$(tail -n 1 "$work/times")
        end=$(date +%s.%N)
        echo "$name: $(echo "$end $start" | awk '{ printf "%.1f", $1 - $2 }') s," \
            "$(echo "$used" | tr 'ms' '  ' | awk '{ printf "%.1f", 60 * $1 + $2 + 60 * $3 + $4 }') s of processors"
    done
    round=$((round + 1))
done
