#!/usr/bin/env bash
# Evaluate on several processes of one or more machines:
#   tools/dist_test.sh CONFIG CHECKPOINT_OR_WORK_DIR NUM_PROCESSES [options of tools/test.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT in the environment.
set -euo pipefail
usage='usage: dist_test.sh CONFIG CHECKPOINT_OR_WORK_DIR NUM_PROCESSES [options]'
config=${1:?$usage}
checkpoint=${2:?$usage}
processes=${3:?$usage}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-$(command -v python || command -v python3)}
exec "$python" -m torch.distributed.run \
  --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
  --nproc_per_node="$processes" \
  "$here/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
