#!/usr/bin/env bash
# Share the head's $UNLEARN_HOME with the workers, at the same path, over NFS.
#   share.sh serve        on the head
#   share.sh mount HEAD   on a worker
# NFS trusts addresses: the port may be open to the nodes alone.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
install() { sudo apt-get -o DPkg::Lock::Timeout=600 install -qy "$1"; }
case ${1-} in
  serve)
    install nfs-kernel-server
    printf "$UNLEARN_HOME %s(rw,sync,no_subtree_check)\n" 172.16.0.0/12 10.0.0.0/8 |
      sudo tee /etc/exports.d/unlearn.exports
    sudo exportfs -ra
    ;;
  mount)
    install nfs-common
    mountpoint -q "$UNLEARN_HOME" || sudo mount -t nfs4 "$2:$UNLEARN_HOME" "$UNLEARN_HOME"
    ;;
  *)
    echo "expected 'serve', or 'mount' and the head's address, got '$*'" >&2
    exit 2
    ;;
esac
