#!/bin/sh
# Writes the service's env file from the SSM parameter that Terraform keeps it in. cloud-init runs this once, before the
# service starts for the first time. Running it again is harmless.
#
# Usage: env-file PARAMETER REGION SHA256 USER
#
# The parameter holds the file, compressed by gzip and encoded by base64. The instance's user data holds the SHA-256 of
# the file that belongs to this instance. No other file is written, so that an instance never starts with the variables
# of another apply. No value is printed, and none is an argument of a command.
set -eu
[ $# -eq 4 ] || { echo "usage: env-file PARAMETER REGION SHA256 USER" >&2; exit 2; }

parameter=$1
region=$2
sha256=$3
user=$4
file=${ENV_FILE:-/etc/growl-backend/env}

mkdir -p "$(dirname "$file")"
umask 077
trap 'rm -f "$file.new"' EXIT

# fetch succeeds if the parameter holds the file with this SHA-256, which is then in $file.new. A command of the pipe
# that fails makes the SHA-256 differ.
fetch() {
  aws ssm get-parameter --name "$parameter" --region "$region" --with-decryption --query Parameter.Value --output text |
    base64 -d | gunzip >"$file.new"
  [ "$(sha256sum <"$file.new")" = "$sha256  -" ]
}

try=1
until fetch; do
  [ "$try" -lt 40 ] || {
    echo "env file: parameter $parameter in $region does not hold the file with the SHA-256 $sha256 after $try tries, so $file was not written: apply the environment's Terraform configuration and run this again" >&2
    exit 1
  }
  try=$((try + 1))
  sleep 15
done
chown "$user" "$file.new"
mv "$file.new" "$file"
