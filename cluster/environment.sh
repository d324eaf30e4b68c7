# What every login shell of a node has, and so Ray itself and every trial: sourced, not run.
set -a
PATH="$HOME/venv/bin:$PATH"
UNLEARN_HOME=/srv/unlearn
MLFLOW_TRACKING_URI=http://127.0.0.1:5000
MLFLOW_DISABLE_TELEMETRY=true
RAY_USAGE_STATS_ENABLED=0
. ~/.unlearn/cluster.env
HF_HOME="$UNLEARN_HOME/huggingface"
set +a
