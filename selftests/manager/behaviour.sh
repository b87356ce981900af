#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the manager does with what it is asked: changes, allocation, groups, secrets, bounds, slow clients (behaviour.py).
set -u
cd "$(dirname "$0")/../.." || exit 1
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=selftests/manager
exec /usr/bin/python3 selftests/manager/behaviour.py
