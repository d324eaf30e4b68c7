#!/usr/bin/env bash
# MLflow on the head: behind a password, on loopback, and started anew whenever it ends.
#   mlflow.sh        in the background; where it runs already, nothing happens
#   mlflow.sh stop
# Records and artifacts lie in ~/mlflow unless the environment says otherwise: SQLite wants a disk of
# this machine, which $UNLEARN_HOME need not be.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
: "${MLFLOW_TRACKING_USERNAME:?is not set: cluster/new_secrets.sh makes it}"
: "${MLFLOW_TRACKING_PASSWORD:?is not set: cluster/new_secrets.sh makes it}"
: "${MLFLOW_FLASK_SERVER_SECRET_KEY:?is not set: cluster/new_secrets.sh makes it}"

umask 077
mkdir -p ~/mlflow
cd ~/mlflow
if [[ ${1-} == stop ]]; then
  if [[ -f pid ]]; then
    group=$(cat pid)
    kill -- "-$group" || true
    while kill -0 -- "-$group" 2> /dev/null; do sleep 0.2; done
    rm pid
  fi
  exit
fi

# Users with a password may read, and the administrator may write.
cat > users.ini <<END
[mlflow]
default_permission = READ
database_uri = sqlite:///$HOME/mlflow/users.db
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
END
export MLFLOW_AUTH_CONFIG_PATH=$HOME/mlflow/users.ini
export MLFLOW_AUTH_ADMIN_USERNAME=$MLFLOW_TRACKING_USERNAME
export MLFLOW_AUTH_ADMIN_PASSWORD=$MLFLOW_TRACKING_PASSWORD
export MLFLOW_BACKEND_STORE_URI=${MLFLOW_BACKEND_STORE_URI:-sqlite:///$HOME/mlflow/mlflow.db}
export MLFLOW_ARTIFACTS_DESTINATION=${MLFLOW_ARTIFACTS_DESTINATION:-$HOME/mlflow/artifacts}
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false

serve() {
  echo "$PPID" > pid # flock's, which leads the group
  while true; do
    mlflow server --app-name basic-auth --host 127.0.0.1 --port "${MLFLOW_PORT:-5000}" \
      --workers 1 || true
    sleep 2
  done
}
export -f serve
setsid flock --nonblock --conflict-exit-code 0 --close lock bash -c serve < /dev/null >> log 2>&1 &
