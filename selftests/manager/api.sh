#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The manager's API: that docs/api.yaml says what is answered (api.py), and who may what (permissions.py).
set -u
cd "$(dirname "$0")/../.." || exit 1
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=selftests/manager
status=0
for each in api permissions; do
	/usr/bin/python3 "selftests/manager/$each.py" || status=1
done
exit $status
