#!/usr/bin/env bash
# Trains with several processes: tools/dist_train.sh CONFIG NPROC [options of `ignn train`]
#
# Several nodes, elastic: set NNODES (2, or 1:4), RDZV_ENDPOINT (host:port of one node) and
# MAX_RESTARTS on every node, and give --resume, so that a restart continues from the last checkpoint.
set -euo pipefail

# Works in a checkout that is not installed, too.
export PYTHONPATH="$(dirname "$0")/..${PYTHONPATH:+:$PYTHONPATH}"

if [ $# -lt 2 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
config=$1
processes=$2
shift 2

if [ -n "${RDZV_ENDPOINT:-}" ]; then
    # torchrun would hand restarted processes the store of those that died, with dead addresses in it.
    export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
    meeting=(--nnodes "${NNODES:-1}" --rdzv_backend c10d --rdzv_endpoint "$RDZV_ENDPOINT"
        --rdzv_id "${RDZV_ID:-ignn}" --max_restarts "${MAX_RESTARTS:-3}")
else
    meeting=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}"
        --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}")
fi
exec torchrun "${meeting[@]}" --nproc_per_node "$processes" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
