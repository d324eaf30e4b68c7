#!/usr/bin/env bash
# Make ~/.unlearn/cluster.env, where there is none: the passwords of a cluster, and its settings.
#
# Ray's launcher copies the file to the nodes, where only the cluster's user may read it; Ray and
# MLflow take what they need from the environment. On this machine:
#   set -a; . ~/.unlearn/cluster.env; set +a
set -euo pipefail
umask 077
file=~/.unlearn/cluster.env
if [[ -e $file ]]; then
  echo "$file is there already, and is kept; new passwords would lock this machine out" >&2
  exit
fi
secret() { python3 -c 'import secrets; print(secrets.token_hex(32))'; }
mkdir -p ~/.unlearn
cat > "$file" <<END
# Who has this can run code on every node.
RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(secret)
# MLflow's administrator, whom its first start makes.
MLFLOW_TRACKING_USERNAME=admin
MLFLOW_TRACKING_PASSWORD=$(secret)
MLFLOW_FLASK_SERVER_SECRET_KEY=$(secret)

# Extras of the project that the nodes need besides: nudity, rivals, eight-bit.
#UNLEARN_EXTRAS=nudity,rivals
# A folder that all nodes share at the same path. The files for AWS and GCP share the head's over NFS.
#UNLEARN_HOME=/srv/unlearn
# Where MLflow keeps records and artifacts, if not on the head's disk. Keys of S3, if the head's role
# does not do: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, MLFLOW_S3_ENDPOINT_URL.
#MLFLOW_BACKEND_STORE_URI=postgresql+psycopg://USER:PASSWORD@HOST/mlflow
#MLFLOW_ARTIFACTS_DESTINATION=s3://BUCKET/FOLDER
END
echo "made $file"
