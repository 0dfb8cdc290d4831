#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format, as .clang-format says.
set -eu
cd "$(dirname "$0")/../.."
git ls-files '*.c' '*.h' | grep -v '^tests/peers/' | xargs clang-format-14 --dry-run -Werror
