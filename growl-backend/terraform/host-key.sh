#!/bin/sh
# Gives sshd the host key that the environment's CA has signed, so that clients
# know a new instance by the one @cert-authority line they have.
#
# Usage: host-key PARAMETER REGION
#
# Without the parameter sshd keeps the key it made itself, which clients refuse.
set -eu
[ $# -eq 2 ] || { echo "usage: host-key PARAMETER REGION" >&2; exit 2; }

key=${SSH_DIR:-/etc/ssh}/ssh_host_ed25519_key

fetch() {
  value=$(aws ssm get-parameter --name "$1" --region "$2" --with-decryption --query Parameter.Value --output text)
}

tries=1
until fetch "$1" "$2"; do
  [ "$tries" -lt 20 ] || { echo "host key: gave up on parameter $1 after $tries tries: see README.md, SSH host certificates" >&2; exit 1; }
  tries=$((tries + 1))
  sleep 15
done

umask 077
printf '%s\n' "$value" | sed -n '/^-----BEGIN/,/^-----END/p' >"$key.new"
printf '%s\n' "$value" | sed -n '/^ssh-ed25519-cert-v01@openssh.com /p' >"$key-cert.pub.new"
[ -s "$key.new" ] && [ -s "$key-cert.pub.new" ] || {
  rm -f "$key.new" "$key-cert.pub.new"
  echo "host key: parameter $1 does not hold a key and its certificate" >&2
  exit 1
}
ssh-keygen -y -f "$key.new" >"$key.pub"
chmod 644 "$key-cert.pub.new" "$key.pub"
mv "$key.new" "$key"
mv "$key-cert.pub.new" "$key-cert.pub"
systemctl restart sshd
