#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 200 simulated agents against real managers: what each is told, and that nobody loses anything. See agents.py.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export B=${B:-build}
exec timeout --kill-after=5 120 /usr/bin/python3 selftests/manager/agents.py
