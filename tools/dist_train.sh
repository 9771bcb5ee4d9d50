#!/usr/bin/env bash
# Train on several processes of one or more machines:
#   tools/dist_train.sh CONFIG NUM_PROCESSES [options of tools/train.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT in the environment.
set -euo pipefail
config=${1:?usage: dist_train.sh CONFIG NUM_PROCESSES [options]}
processes=${2:?usage: dist_train.sh CONFIG NUM_PROCESSES [options]}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-$(command -v python || command -v python3)}
exec "$python" -m torch.distributed.run \
  --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
  --nproc_per_node="$processes" \
  "$here/train.py" "$config" --launcher pytorch "${@:3}"
