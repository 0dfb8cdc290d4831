#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every source of ours, as .clang-tidy says: tidy.sh BUILD (a configured build, for its flags).
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
git ls-files 'base/*.c' 'wire/*.c' 'spiffe/*.c' 'jwtsvid/*.c' 'crypto/*.c' 'keystore/*.c' 'agent/*.c' 'client/*.c' |
	xargs -P "$(nproc)" -n 8 clang-tidy-14 -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option
