#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a manager has acknowledged outlives kill -9 of managers and of etcd's members; several managers are one; a full disk,
# a read-only directory and a damaged database are told of (api_kill.py).
set -u
cd "$(dirname "$0")/../.." || exit 1
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=selftests/manager
exec /usr/bin/python3 selftests/manager/api_kill.py
