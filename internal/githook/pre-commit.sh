#!/bin/sh
# Written by go tool mage hooks:install, which brings it up to date too; docs/ci.md tells of it.
#
# Refuses env files and secrets in tfvars, and seals env files that changed. Most
# commits touch neither: Go is started only for those that do.

terraform=growl-backend/terraform
[ -d "$terraform" ] || exit 0

# Deleting an env file or a tfvars is no risk.
staged=$(git diff --cached --name-only --no-renames --diff-filter=d -- \
  ':(glob)**/.env.*' ':(glob)**/*.tfvars' ':(glob)**/*.tfvars.json') || exit 1

# unsealed: an env file is newer than its seal, or has none.
unsealed() {
  for name in dev prod; do
    file=$terraform/.env.$name seal=$terraform/env-$name.sha256
    [ -e "$file" ] || continue
    [ -e "$seal" ] && [ -z "$(find "$file" -newer "$seal")" ] || return 0
  done
  return 1
}

if [ -n "$staged" ] || unsealed; then
  exec go tool mage hooks:run
fi
